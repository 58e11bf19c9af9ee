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

export function readKeys(allocationLength = 8192): ScsiCommand {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x5e;
  cdb.writeUInt16BE(allocationLength, 7);
  return { cdb: cdb.toString('hex'), dataIn: allocationLength };
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
