/** The Reservation commands of the NVM Command Set: as commands and as submission queue entries. */
import type { ReservationKey, ReservationType } from '../pr/reservation.js';
import { decodeType, encodeType } from './reservation-type.js';
import { nvmeStatus } from './status.js';

export type NvmeReservationCommand =
  RegisterCommand | AcquireCommand | ReleaseCommand | ReportCommand;

export interface RegisterCommand {
  readonly command: 'register';
  /** RREGA */
  readonly action: 'register' | 'unregister' | 'replace';
  /** IEKEY */
  readonly ignoreExistingKey: boolean;
  /** CPTPL */
  readonly persistence: PersistenceChange;
  readonly currentKey: ReservationKey;
  readonly newKey: ReservationKey;
}

/** What becomes of "persist through power loss", which all registrations share. */
export type PersistenceChange = 'unchanged' | 'clear' | 'set';

export interface AcquireCommand {
  readonly command: 'acquire';
  /** RACQA */
  readonly action: 'acquire' | 'preempt' | 'preempt-and-abort';
  readonly type: ReservationType;
  readonly currentKey: ReservationKey;
  readonly preemptKey: ReservationKey;
}

export interface ReleaseCommand {
  readonly command: 'release';
  /** RRELA */
  readonly action: 'release' | 'clear';
  /** Of no meaning to 'clear', which leaves it undefined. */
  readonly type: ReservationType | undefined;
  readonly currentKey: ReservationKey;
}

export interface ReportCommand {
  readonly command: 'report';
  /** EDS: with host identifiers of 128 bits. */
  readonly extended: boolean;
  /** Bytes, a multiple of 4. */
  readonly length: number;
}

/** What of a submission queue entry these commands use. */
export interface SubmissionEntry {
  readonly opcode: number;
  readonly cdw10: number;
  readonly cdw11: number;
  /** To the controller; empty if nothing is. */
  readonly dataOut: Buffer;
  /** Bytes from the controller. */
  readonly dataInLength: number;
}

export const reservationOpcodes = {
  register: 0x0d,
  report: 0x0e,
  acquire: 0x11,
  release: 0x15,
} as const satisfies Record<NvmeReservationCommand['command'], number>;

const registerActions = ['register', 'unregister', 'replace'] as const;
const acquireActions = ['acquire', 'preempt', 'preempt-and-abort'] as const;
const releaseActions = ['release', 'clear'] as const;
/** CPTPL; 01b is reserved. */
const persistenceChanges = ['unchanged', undefined, 'clear', 'set'] as const;
const ignoreExistingKeyBit = 0x08;

export function encodeCommand(command: NvmeReservationCommand): SubmissionEntry {
  const opcode = reservationOpcodes[command.command];
  const entry = { opcode, cdw11: 0, dataInLength: 0 };
  switch (command.command) {
    case 'register': {
      const { action, ignoreExistingKey, persistence, currentKey, newKey } = command;
      const cdw10 =
        persistenceChanges.indexOf(persistence) * 2 ** 30 +
        (ignoreExistingKey ? ignoreExistingKeyBit : 0) +
        registerActions.indexOf(action);
      return { ...entry, cdw10, dataOut: keys(currentKey, newKey) };
    }
    case 'acquire': {
      const { action, type, currentKey, preemptKey } = command;
      const cdw10 = (encodeType(type) << 8) | acquireActions.indexOf(action);
      return { ...entry, cdw10, dataOut: keys(currentKey, preemptKey) };
    }
    case 'release': {
      const { action, type, currentKey } = command;
      const typeCode = type === undefined ? 0 : encodeType(type);
      const cdw10 = (typeCode << 8) | releaseActions.indexOf(action);
      return { ...entry, cdw10, dataOut: keys(currentKey) };
    }
    case 'report': {
      const { extended, length } = command;
      const cdw10 = length / 4 - 1; // NUMD, a 0's based value
      return {
        ...entry,
        cdw10,
        cdw11: extended ? 1 : 0,
        dataOut: Buffer.alloc(0),
        dataInLength: length,
      };
    }
  }
}

export type DecodedCommand =
  | { readonly value: NvmeReservationCommand; readonly refusal?: never }
  /** A status without flags. */
  | { readonly value?: never; readonly refusal: number };

const invalidField: DecodedCommand = { refusal: nvmeStatus.invalidField };

/** The most that a Report is answered with: NUMD may ask for 16 GiB. Bytes. */
export const reportLengthMax = 0x10000;

/**
 * @param dataOut what the host sent; less than the command's data structure is refused
 * @returns refusals: Invalid Command Opcode for another opcode, Invalid Field in Command for reserved
 *   actions, types and CPTPL, for IEKEY where it is reserved, and for data that is cut off
 */
export function decodeCommand(entry: Omit<SubmissionEntry, 'dataInLength'>): DecodedCommand {
  switch (entry.opcode) {
    case reservationOpcodes.register:
      return decodeRegister(entry.cdw10, entry.dataOut);
    case reservationOpcodes.acquire:
      return decodeAcquire(entry.cdw10, entry.dataOut);
    case reservationOpcodes.release:
      return decodeRelease(entry.cdw10, entry.dataOut);
    case reservationOpcodes.report:
      return decodeReport(entry.cdw10, entry.cdw11);
    default:
      return { refusal: nvmeStatus.invalidOpcode };
  }
}

function decodeRegister(cdw10: number, data: Buffer): DecodedCommand {
  const action = registerActions[cdw10 & 0x07];
  const persistence = persistenceChanges[cdw10 >>> 30];
  if (action === undefined || persistence === undefined || data.length < 16) return invalidField;
  return {
    value: {
      command: 'register',
      action,
      ignoreExistingKey: ignoresExistingKey(cdw10),
      persistence,
      currentKey: data.readBigUInt64LE(0),
      newKey: data.readBigUInt64LE(8),
    },
  };
}

// IEKEY is an error in Acquire and Release since NVMe 1.3 (RESCAP bit 7).
function decodeAcquire(cdw10: number, data: Buffer): DecodedCommand {
  const action = acquireActions[cdw10 & 0x07];
  const type = decodeType((cdw10 >>> 8) & 0xff);
  if (action === undefined || type === undefined || data.length < 16) return invalidField;
  if (ignoresExistingKey(cdw10)) return invalidField;
  const currentKey = data.readBigUInt64LE(0);
  const preemptKey = data.readBigUInt64LE(8);
  return { value: { command: 'acquire', action, type, currentKey, preemptKey } };
}

function decodeRelease(cdw10: number, data: Buffer): DecodedCommand {
  const action = releaseActions[cdw10 & 0x07];
  const type = decodeType((cdw10 >>> 8) & 0xff);
  if (action === undefined || data.length < 8 || ignoresExistingKey(cdw10)) return invalidField;
  if (action === 'release' && type === undefined) return invalidField;
  const currentKey = data.readBigUInt64LE(0);
  return {
    value: { command: 'release', action, type: action === 'clear' ? undefined : type, currentKey },
  };
}

function decodeReport(cdw10: number, cdw11: number): DecodedCommand {
  const length = Math.min((cdw10 + 1) * 4, reportLengthMax);
  return { value: { command: 'report', extended: (cdw11 & 1) === 1, length } };
}

function ignoresExistingKey(cdw10: number): boolean {
  return (cdw10 & ignoreExistingKeyBit) !== 0;
}

function keys(...values: ReservationKey[]): Buffer {
  const data = Buffer.alloc(values.length * 8);
  values.forEach((value, index) => data.writeBigUInt64LE(value, index * 8));
  return data;
}
