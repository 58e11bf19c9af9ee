import { describe, expect, it } from 'vitest';
import { bytes, groups } from './support/bytes.js';
import { diskWith, plainMedium, send, verdict } from './support/disk.js';

const teraByte = 2 ** 40;

function diskOf(sizeBytes: number, overrides: Partial<typeof plainMedium> = {}) {
  return diskWith({ medium: { ...plainMedium, ...overrides, sizeBytes } });
}

describe('READ CAPACITY(10)', () => {
  const read = '25 00 00000000 0000 00 00';
  it.each([
    ['1 GiB', diskOf(2 ** 30), '001fffff 00000200'],
    ['one block', diskOf(512), '00000000 00000200'],
    ['the largest it can say', diskOf(2 * teraByte - 512), 'fffffffe 00000200'],
    ['one block more', diskOf(2 * teraByte), 'ffffffff 00000200'],
    ['two blocks more', diskOf(2 * teraByte + 512), 'ffffffff 00000200'],
    ['far more', diskOf(4096 * teraByte), 'ffffffff 00000200'],
    ['blocks of 4096', diskOf(2 ** 30, { blockSize: 4096 }), '0003ffff 00001000'],
  ])('%s', async (_, unit, hex) => {
    expect(groups((await send(unit, read)).dataIn)).toBe(groups(bytes(hex)));
  });
});

describe('READ CAPACITY(16)', () => {
  const read = (allocation: string) => `9e 10 0000000000000000 ${allocation} 00 00`;
  it.each([
    ['1 GiB, thin', diskOf(2 ** 30), '00000000001fffff 00000200 00 03 c000'],
    ['3 TiB', diskOf(3 * teraByte), '000000017fffffff 00000200 00 03 c000'],
    [
      'not thin',
      diskOf(2 ** 30, { thinProvisioned: false }),
      '00000000001fffff 00000200 00 03 0000',
    ],
    [
      'thin, unmapped blocks unknown',
      diskOf(2 ** 30, { unmappedReadsZero: false }),
      '00000000001fffff 00000200 00 03 8000',
    ],
    [
      'physical as logical blocks',
      diskOf(2 ** 30, { physicalBlockSize: 512 }),
      '00000000001fffff 00000200 00 00 c000',
    ],
    [
      'physical blocks smaller than logical',
      diskOf(2 ** 30, { blockSize: 4096, physicalBlockSize: 512 }),
      '000000000003ffff 00001000 00 00 c000',
    ],
    [
      'physical blocks beyond the field',
      diskOf(2 ** 30, { physicalBlockSize: 2 ** 26 }),
      '00000000001fffff 00000200 00 0f c000',
    ],
  ])('%s', async (_, unit, hex) => {
    const data = (await send(unit, read('00000020'))).dataIn;
    expect(groups(data)).toBe(groups(Buffer.concat([bytes(hex)], 32)));
  });

  it('is cut to the allocation length', async () => {
    for (const length of [0, 1, 8, 12, 31, 32, 0xffffffff]) {
      const answer = await send(diskOf(2 ** 30), read(length.toString(16).padStart(8, '0')));
      expect([verdict(answer), answer.dataIn.length]).toEqual(['good', Math.min(length, 32)]);
    }
  });
});

describe('GET LBA STATUS', () => {
  const get = (lba: string, allocation = '00000018') => `9e 12 ${lba} ${allocation} 00 00`;

  it('is one extent to the end, mapped or unknown', async () => {
    const answer = await send(diskOf(2 ** 30), get('0000000000000100'));
    expect(groups(answer.dataIn)).toBe(
      groups(bytes('00000014 00000000 0000000000000100 001fff00 00 000000')),
    );
    const huge = await send(diskOf(16 * teraByte), get('0000000000000000'));
    expect(groups(huge.dataIn.subarray(16, 20))).toBe('ffffffff');
  });

  it('of the last block, and not beyond', async () => {
    expect(verdict(await send(diskOf(2 ** 30), get('00000000001fffff')))).toBe('good');
    for (const lba of ['0000000000200000', '8000000000000000', 'ffffffffffffffff']) {
      const answer = await send(diskOf(2 ** 30), get(lba));
      expect([verdict(answer), answer.sense.readUInt32BE(3)]).toEqual(['5/21/00', 0x200000]);
    }
  });

  it('is cut to the allocation length', async () => {
    for (const length of [0, 1, 8, 23]) {
      const allocation = length.toString(16).padStart(8, '0');
      expect((await send(diskOf(2 ** 30), get('0'.repeat(16), allocation))).dataIn).toHaveLength(
        length,
      );
    }
  });
});

it('every command sees a new size at once, and a partial last block never', async () => {
  const unit = diskOf(2 ** 30);
  unit.resize(2 ** 31 + 511);
  expect(groups((await send(unit, '25 00 00000000 0000 00 00')).dataIn.subarray(0, 4))).toBe(
    '003fffff',
  );
});
