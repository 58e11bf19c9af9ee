import { describe, expect, it } from 'vitest';
import { decodeVirtioLun, encodeLun, lunMax } from '../../../src/scsi/lun.js';
import { bytes, groups } from './support/bytes.js';

const unit = (lun: number) => ({ kind: 'logical-unit', lun });

describe('decodeVirtioLun', () => {
  it.each([
    ['flat LUN 0, as Linux sends it', '01 00 4000 00000000', unit(0)],
    ['flat LUN 1', '01 00 4001 00000000', unit(1)],
    ['flat LUN 256', '01 00 4100 00000000', unit(256)],
    ['flat LUN 16383', '01 00 7fff 00000000', unit(16383)],
    ['peripheral LUN 0', '01 00 0000 00000000', unit(0)],
    ['peripheral LUN 255', '01 00 00ff 00000000', unit(255)],
    ['another target', '01 ff 4003 00000000', unit(3)],
    [
      'the well-known logical unit, as virtio names it',
      'c101 0000 00000000',
      { kind: 'report-luns' },
    ],
    ['the same through a target', '01 00 c101 00000000', { kind: 'report-luns' }],
  ])('%s', (_, hex, expected) => {
    expect(decodeVirtioLun(bytes(hex))).toEqual(expected);
  });

  it.each([
    ['no virtio form', '00 00 4000 00000000'],
    ['peripheral addressing with a bus', '01 00 0101 00000000'],
    ['logical unit addressing', '01 00 8000 00000000'],
    ['extended addressing', '01 00 d200 00000000'],
    ['the ACCESS CONTROLS well-known logical unit', '01 00 c102 00000000'],
    ['two levels', '01 00 4000 00010000'],
    ['a last byte', '01 00 4000 00000001'],
    ['a tail behind the well-known one', 'c101 0000 00000001'],
    ['all ones', 'ffffffff ffffffff'],
    ['too few bytes', '01 00 4000'],
    ['none', ''],
  ])('not %s', (_, hex) => {
    expect(decodeVirtioLun(bytes(hex))).toEqual({ kind: 'unknown' });
  });
});

it('every LUN comes back as it was reported', () => {
  for (let lun = 0; lun <= lunMax; lun++) {
    const reported = encodeLun(lun);
    const virtio = Buffer.concat([bytes('01 00'), reported.subarray(0, 2), Buffer.alloc(4)]);
    if (decodeVirtioLun(virtio).kind !== 'logical-unit') expect.fail(`LUN ${lun}`);
    expect(decodeVirtioLun(virtio)).toEqual(unit(lun));
  }
});

it.each([
  [0, '00000000 00000000'],
  [255, '00ff0000 00000000'],
  [256, '41000000 00000000'],
  [16383, '7fff0000 00000000'],
])('LUN %i is reported as %s', (lun, hex) => {
  expect(groups(encodeLun(lun))).toBe(hex);
});
