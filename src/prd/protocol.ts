/** The daemon's own protocol in types; PROTOCOL.md says what they mean. */
import * as v from 'valibot';
import { keySchema, typeSchema } from '../control/reservation-json.js';
import { isInitiatorName } from '../pr/nexus.js';

export const protocolVersion = 1;

export const limits = {
  /** Bytes of one line from a client. */
  requestBytes: 64 * 1024,
  /** Bytes of one line from the daemon. */
  responseBytes: 512 * 1024,
  /** Requests of one connection that are not answered yet. */
  requestsInFlight: 32,
  /** Logical units that one connection has open. */
  handles: 64,
  /** Bytes of a parameter list. */
  dataOutBytes: 8192,
} as const;

/** Codes of error objects beside those of JSON-RPC 2.0. */
export const errorCode = {
  helloFirst: -32001,
  versionNotSupported: -32002,
  noDescriptor: -32003,
  notADevice: -32004,
  notServed: -32005,
  readOnlyDescriptor: -32006,
  unknownHandle: -32007,
  attached: -32008,
  tooMany: -32009,
  notAttached: -32010,
  reservationConflict: -32020,
  /** `data` has senseKey, asc and ascq. */
  checkCondition: -32021,
  busy: -32022,
  taskSetFull: -32023,
} as const;

const handle = v.pipe(v.number(), v.integer());
const handleOnly = v.strictObject({ handle });
const bytes = (most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^([0-9a-f]{2})*$/i, 'must be pairs of hexadecimal digits'),
    v.maxLength(2 * most, `must have at most ${most} bytes`),
    v.transform((text) => Buffer.from(text, 'hex')),
  );

/** Parameters by method. */
export const schemas = {
  hello: v.strictObject({ version: v.number() }),
  open: v.strictObject({
    attach: v.optional(
      v.strictObject({
        initiator: v.pipe(
          v.string(),
          v.check(isInitiatorName, 'must be an iqn., eui. or naa. name'),
        ),
      }),
    ),
  }),
  close: handleOnly,
  register: v.strictObject({
    handle,
    oldKey: v.optional(keySchema, '0x0'),
    newKey: keySchema,
    ignoreKey: v.optional(v.boolean(), false),
    aptpl: v.optional(v.boolean(), true),
  }),
  reserve: v.strictObject({ handle, key: keySchema, type: typeSchema }),
  release: v.strictObject({ handle, key: keySchema, type: typeSchema }),
  preempt: v.strictObject({
    handle,
    key: keySchema,
    victimKey: keySchema,
    type: typeSchema,
    abort: v.optional(v.boolean(), false),
  }),
  clear: v.strictObject({ handle, key: keySchema }),
  readKeys: handleOnly,
  readReservation: handleOnly,
  readFullStatus: handleOnly,
  reportCapabilities: handleOnly,
  scsi: v.strictObject({
    handle,
    cdb: v.pipe(
      bytes(32),
      v.check((cdb) => cdb.length >= 6, 'must have 6 to 32 bytes'),
    ),
    dataOut: v.optional(bytes(limits.dataOutBytes), ''),
  }),
  quiesced: v.strictObject({ handle, id: v.number() }),
  conflictMet: handleOnly,
} as const;

export type MethodName = keyof typeof schemas;
export type Params<Name extends MethodName> = v.InferInput<(typeof schemas)[Name]>;
export type CheckedParams<Name extends MethodName> = v.InferOutput<(typeof schemas)[Name]>;

export interface HelloResult {
  version: number;
}

export interface OpenResult {
  handle: number;
  wwid: string;
  name: string;
  /** Changes are allowed. */
  writable: boolean;
}

export interface ScsiResult {
  status: number;
  /** Hexadecimal, as `dataIn`. */
  sense: string;
  dataIn: string;
}

/** What the daemon tells on its own, by method. */
export interface Notifications {
  /** Hold your data back and confirm by `quiesced`. */
  quiesce: { handle: number; id: number; leaseMs: number };
  resume: { handle: number; id: number; epoch: string };
  conflicts: { handle: number; way: 'judge' | 'answer' };
  unitAttention: { handle: number; senseKey: number; asc: number; ascq: number };
  changed: { handle: number };
}

/** What a client receives is checked like everything else that comes through a socket. */
export const notificationSchemas = {
  quiesce: v.object({ handle, id: v.number(), leaseMs: v.pipe(v.number(), v.minValue(1)) }),
  resume: v.object({ handle, id: v.number(), epoch: v.string() }),
  conflicts: v.object({ handle, way: v.picklist(['judge', 'answer']) }),
  unitAttention: v.object({ handle, senseKey: v.number(), asc: v.number(), ascq: v.number() }),
  changed: v.object({ handle }),
} as const satisfies {
  [Name in keyof Notifications]: v.GenericSchema<unknown, Notifications[Name]>;
};
