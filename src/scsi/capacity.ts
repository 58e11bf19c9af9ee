/** READ CAPACITY(10) and (16), GET LBA STATUS (SBC-3 §5.15, §5.16, §5.4). */
import type { Cdb } from './cdb.js';
import { checkCondition, type CommandOutcome, goodWith } from './command-outcome.js';
import type { Medium } from './medium.js';
import { lbaOutOfRange } from './sense.js';

const uint32Max = 0xffff_ffff;

export function readCapacity10(medium: Medium): CommandOutcome {
  const data = Buffer.alloc(8);
  // All ones send the initiator to READ CAPACITY(16).
  data.writeUInt32BE(saturated(medium.blocks - 1n), 0);
  data.writeUInt32BE(medium.blockSize, 4);
  return goodWith(data, data.length);
}

export function readCapacity16(cdb: Cdb, medium: Medium): CommandOutcome {
  const data = Buffer.alloc(32);
  data.writeBigUInt64BE(medium.blocks - 1n, 0);
  data.writeUInt32BE(medium.blockSize, 8);
  data[13] = medium.physicalBlockExponent;
  const managed = medium.thinProvisioned ? 0x80 : 0; // LBPME
  const readsZero = medium.thinProvisioned && medium.unmappedReadsZero ? 0x40 : 0; // LBPRZ
  data[14] = managed | readsZero;
  return goodWith(data, cdb.uint32(10));
}

/**
 * One extent to the end of the disk, "mapped or unknown": the image's holes are looked up by none
 * of the commands served here.
 */
export function getLbaStatus(cdb: Cdb, medium: Medium): CommandOutcome {
  const first = cdb.uint64(2);
  if (first >= medium.blocks) return checkCondition(lbaOutOfRange(medium.blocks));
  const data = Buffer.alloc(24);
  data.writeUInt32BE(data.length - 4, 0);
  data.writeBigUInt64BE(first, 8);
  data.writeUInt32BE(saturated(medium.blocks - first), 16);
  return goodWith(data, cdb.uint32(10));
}

function saturated(value: bigint): number {
  return value > uint32Max ? uint32Max : Number(value);
}
