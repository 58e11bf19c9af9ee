import { describe, expect, it } from 'vitest';
import { diskWith, send, verdict } from './support/disk.js';

const end = 0x200000; // blocks of the plain medium
const hex = (value: number | bigint, digits: number) => value.toString(16).padStart(digits, '0');

interface Form {
  name: string;
  /** Highest address and count the fields have room for. */
  lbaMax: bigint;
  countMax: number;
  cdb: (flags: number, lba: number | bigint, count: number) => string;
}

const form10 = (name: string, opcode: string): Form => ({
  name,
  lbaMax: 0xffffffffn,
  countMax: 0xffff,
  cdb: (flags, lba, count) => `${opcode} ${hex(flags, 2)} ${hex(lba, 8)} 00 ${hex(count, 4)} 00`,
});
const form16 = (name: string, opcode: string): Form => ({
  name,
  lbaMax: 2n ** 64n - 1n,
  countMax: 0xffffffff,
  cdb: (flags, lba, count) => `${opcode} ${hex(flags, 2)} ${hex(lba, 16)} ${hex(count, 8)} 00 00`,
});
const forms = [form10('PRE-FETCH(10)', '34'), form16('PRE-FETCH(16)', '90')];

describe.each(forms)('$name', ({ cdb, lbaMax, countMax }) => {
  it('takes every range on the disk, zero blocks at its end included', async () => {
    const ranges: [number, number][] = [
      [0, 0],
      [0, 1],
      [end - 1, 1],
      [end - 0xffff, 0xffff],
      [end, 0],
    ];
    for (const [lba, count] of ranges) {
      expect([lba, count, verdict(await send(diskWith(), cdb(0, lba, count)))]).toEqual([
        lba,
        count,
        'good',
      ]);
    }
  });

  it('refuses every other, and names the first block that is not there', async () => {
    const ranges: [lba: bigint, count: number, first: bigint][] = [
      [BigInt(end), 1, BigInt(end)],
      [BigInt(end - 1), 2, BigInt(end)],
      [BigInt(end - 1), countMax, BigInt(end)],
      [BigInt(end + 1), 0, BigInt(end + 1)],
      [0x80000000n, 1, 0x80000000n],
      [lbaMax, 0, lbaMax],
      [lbaMax, 1, lbaMax],
      [lbaMax, countMax, lbaMax],
    ];
    for (const [lba, count, first] of ranges) {
      const answer = await send(diskWith(), cdb(0, lba, count));
      expect([lba, count, verdict(answer)]).toEqual([lba, count, '5/21/00']);
      // VALID is clear where INFORMATION has no room for the address.
      const [valid, information] = [answer.sense[0] === 0xf0, answer.sense.readUInt32BE(3)];
      expect(valid ? BigInt(information) : first >= 2n ** 32n).toBe(valid ? first : true);
    }
  });
});
