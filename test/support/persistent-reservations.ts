/** PERSISTENT RESERVE IN and OUT as an initiator sends them, built from SPC-4's tables. */
import type { ScsiCommand } from './initiator.js';

export const serviceActions = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnore: 6,
} as const;

/** Codes of SPC-4 table 213. */
export const writeExclusiveRegistrantsOnly = 5;
export const typeCodes = {
  'write-exclusive': 1,
  'exclusive-access': 3,
  'write-exclusive-registrants-only': writeExclusiveRegistrantsOnly,
  'exclusive-access-registrants-only': 6,
  'write-exclusive-all-registrants': 7,
  'exclusive-access-all-registrants': 8,
} as const;

export interface PrOut {
  action: keyof typeof serviceActions;
  key?: bigint;
  newKey?: bigint;
  type?: number;
  aptpl?: boolean;
}

export function persistentReserveOut(options: PrOut): ScsiCommand {
  const { action, key = 0n, newKey = 0n, type = 0, aptpl = false } = options;
  const cdb = Buffer.alloc(10);
  cdb.set([0x5f, serviceActions[action], type]);
  cdb.writeUInt32BE(24, 5);
  const dataOut = Buffer.alloc(24);
  dataOut.writeBigUInt64BE(key, 0);
  dataOut.writeBigUInt64BE(newKey, 8);
  dataOut[20] = aptpl ? 1 : 0;
  return { cdb: cdb.toString('hex'), dataOut };
}

/** REGISTER AND MOVE to a nexus of the disk's one target port. */
export function registerAndMove(key: bigint, newKey: bigint, destination: Buffer): ScsiCommand {
  const cdb = Buffer.alloc(10);
  cdb.set([0x5f, 7]);
  cdb.writeUInt32BE(24 + destination.length, 5);
  const header = Buffer.alloc(24);
  header.writeBigUInt64BE(key, 0);
  header.writeBigUInt64BE(newKey, 8);
  header.writeUInt16BE(1, 18);
  header.writeUInt32BE(destination.length, 20);
  return { cdb: cdb.toString('hex'), dataOut: Buffer.concat([header, destination]) };
}

/** The TransportID of an initiator name (SPC-4 table 505), without a port of it. */
export function iscsiTransportId(name: string): Buffer {
  const length = Math.max(20, Math.ceil((name.length + 1) / 4) * 4);
  const id = Buffer.alloc(4 + length);
  id[0] = 5;
  id.writeUInt16BE(length, 2);
  id.write(name, 4, 'ascii');
  return id;
}

export const inActions = {
  readKeys: 0,
  readReservation: 1,
  reportCapabilities: 2,
  readFullStatus: 3,
} as const;

export function persistentReserveIn(
  action: keyof typeof inActions,
  allocationLength = 8192,
): ScsiCommand {
  const cdb = Buffer.alloc(10);
  cdb.set([0x5e, inActions[action]]);
  cdb.writeUInt16BE(allocationLength, 7);
  return { cdb: cdb.toString('hex'), dataIn: allocationLength };
}

export function readKeys(allocationLength?: number): ScsiCommand {
  return persistentReserveIn('readKeys', allocationLength);
}

/** Key and type code in READ RESERVATION data; undefined: nothing is reserved. */
export function reservationIn(data: Buffer): { key: bigint; type: number } | undefined {
  if (data.readUInt32BE(4) === 0) return undefined;
  return { key: data.readBigUInt64BE(8), type: data.readUInt8(21) };
}

export function generationIn(data: Buffer): number {
  return data.readUInt32BE(0);
}

export function keysIn(data: Buffer): bigint[] {
  const count = data.readUInt32BE(4) / 8;
  return Array.from({ length: count }, (_, index) => data.readBigUInt64BE(8 + 8 * index));
}

/** WRITE(10) of blocks filled with one byte. */
export function write10(lba: number, blocks: number, fill: number, blockSize = 512): ScsiCommand {
  return { cdb: blockCdb(0x2a, lba, blocks), dataOut: Buffer.alloc(blocks * blockSize, fill) };
}

export function read10(lba: number, blocks: number, blockSize = 512): ScsiCommand {
  return { cdb: blockCdb(0x28, lba, blocks), dataIn: blocks * blockSize };
}

function blockCdb(opcode: number, lba: number, blocks: number): string {
  const cdb = Buffer.alloc(10);
  cdb[0] = opcode;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(blocks, 7);
  return cdb.toString('hex');
}
