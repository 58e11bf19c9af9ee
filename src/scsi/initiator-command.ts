/**
 * The commands that holdfast sends to a device. The set is closed: a writable sg node passes every
 * SCSI command there is, so nothing else may ever be built (test/unit/scsi/initiator-command.test.ts).
 */
import type { PrInCommand, PrOutCommand, RegisterCommand } from '../pr/command.js';
import { prInActions } from './persistent-reserve-in.js';
import { prOutActions } from './persistent-reserve-out.js';
import { encodeScopeAndTypeOrReserved } from './reservation-type.js';
import { encodeTransportId } from './transport-id.js';

export type InitiatorRequest =
  | { readonly kind: 'test-unit-ready' }
  /** INQUIRY of VPD page 83h. */
  | { readonly kind: 'device-identification' }
  | {
      readonly kind: 'persistent-reserve-in';
      readonly action: PrInCommand['action'];
      /** Bytes, at most 65535. */
      readonly allocationLength: number;
    }
  | { readonly kind: 'persistent-reserve-out'; readonly command: PrOutCommand };

export interface InitiatorCommand {
  readonly cdb: Buffer;
  /** What goes to the device; empty if nothing does. */
  readonly dataOut: Buffer;
  /** Bytes that may come from the device; 0 if none do. */
  readonly dataInLength: number;
}

/** Room for hundreds of designators; its low byte is what a device sees that knows one byte only. */
const identificationLength = 0x0ffc;
const basicListLength = 24;

export function encodeRequest(request: InitiatorRequest): InitiatorCommand {
  switch (request.kind) {
    case 'test-unit-ready':
      return { cdb: Buffer.alloc(6), dataOut: Buffer.alloc(0), dataInLength: 0 };
    case 'device-identification':
      return inquiryOfIdentification();
    case 'persistent-reserve-in':
      return reserveIn(request.action, request.allocationLength);
    case 'persistent-reserve-out':
      return reserveOut(request.command);
  }
}

function inquiryOfIdentification(): InitiatorCommand {
  const cdb = Buffer.from([0x12, 0x01, 0x83, 0, 0, 0]); // EVPD
  cdb.writeUInt16BE(identificationLength, 3);
  return { cdb, dataOut: Buffer.alloc(0), dataInLength: identificationLength };
}

function reserveIn(action: PrInCommand['action'], allocationLength: number): InitiatorCommand {
  const cdb = Buffer.from([0x5e, prInActions[action], 0, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt16BE(allocationLength, 7);
  return { cdb, dataOut: Buffer.alloc(0), dataInLength: allocationLength };
}

function reserveOut(command: PrOutCommand): InitiatorCommand {
  const scopeAndType = 'type' in command ? encodeScopeAndTypeOrReserved(command) : 0;
  const dataOut = parameterList(command);
  const cdb = Buffer.from([0x5f, prOutActions[command.action], scopeAndType, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt32BE(dataOut.length, 5);
  return { cdb, dataOut, dataInLength: 0 };
}

function parameterList(command: PrOutCommand): Buffer {
  const list = Buffer.alloc(basicListLength);
  if ('prkey' in command) list.writeBigUInt64BE(command.prkey, 0);
  if ('serviceActionKey' in command) list.writeBigUInt64BE(command.serviceActionKey, 8);
  switch (command.action) {
    case 'register':
      list[20] = flags(command) | (command.specIPt === undefined ? 0 : 0x08);
      return Buffer.concat([list, transportIdList(command.specIPt)]);
    case 'register-and-ignore-existing-key':
      list[20] = flags(command);
      return list;
    case 'replace-lost-reservation':
      list[20] = flags({ ...command, allTgPt: false });
      return list;
    case 'register-and-move': {
      const destination = encodeTransportId(command.destination);
      list[17] = (command.unregister ? 0x02 : 0) | (command.aptpl ? 0x01 : 0);
      list.writeUInt16BE(command.relativeTargetPort, 18);
      list.writeUInt32BE(destination.length, 20);
      return Buffer.concat([list, destination]);
    }
    default:
      return list;
  }
}

function flags({ aptpl, allTgPt }: { aptpl: boolean; allTgPt: boolean }): number {
  return (allTgPt ? 0x04 : 0) | (aptpl ? 0x01 : 0);
}

function transportIdList(ids: RegisterCommand['specIPt']): Buffer {
  if (ids === undefined) return Buffer.alloc(0);
  const list = Buffer.concat(ids.map(encodeTransportId));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(list.length, 0);
  return Buffer.concat([length, list]);
}
