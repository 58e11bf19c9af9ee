import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namesLogicalUnit } from '../../../src/scsi/device-identification.js';
import { formatDesignator } from '../../../src/scsi/designator.js';
import { bytes } from './support/bytes.js';
import { diskWith, identity, send } from './support/disk.js';

const naa = '01 03 00 10 60014051234567890123456789012345';
const eui = '01 02 00 08 0011223344556677';
const t10 = `02 01 00 14 ${Buffer.from('LIO-ORG disk   12345').toString('hex')}`;
const name = `03 08 00 10 ${Buffer.from('iqn.2026-01.a:b\0').toString('hex')}`;
const otherPort = '01 13 00 08 5001405000000001';
const unknownType = '01 07 00 04 01020304';

function page(...descriptors: string[]): Buffer {
  const body = bytes(descriptors.join(''));
  return Buffer.concat([bytes(`00 83 ${body.length.toString(16).padStart(4, '0')}`), body]);
}

describe('names of the logical unit', () => {
  const whole = page(otherPort, unknownType, t10, naa, eui, name);
  it.each([
    ['naa.60014051234567890123456789012345'],
    ['NAA.60014051234567890123456789012345'],
    ['360014051234567890123456789012345'],
    ['eui.0011223344556677'],
    ['20011223344556677'],
    ['t10.LIO-ORG disk   12345'],
    ['1LIO-ORG_disk_12345'],
    ['iqn.2026-01.a:b'],
    ['8iqn.2026-01.a:b'],
  ])('%s', (wwid) => {
    expect(namesLogicalUnit(whole, wwid)).toBe(true);
  });

  it.each([
    ['naa.60014051234567890123456789012346'],
    ['naa.5001405000000001'], // the port's
    ['35001405000000001'],
    ['201020304'],
    [''],
    ['3'],
  ])('not %s', (wwid) => {
    expect(namesLogicalUnit(whole, wwid)).toBe(false);
  });
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['another page', bytes('00 80 0004 31323334')],
  ["a port's names only", page(otherPort)],
  ['a designator that is cut off', page(naa.slice(0, -2))],
])('%s names none', (_, data) => {
  expect(namesLogicalUnit(data, 'naa.60014051234567890123456789012345')).toBeUndefined();
});

it('reads any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.string(), (data, wwid) => {
      const marked = Buffer.concat([bytes('00 83'), data]);
      expect([true, false, undefined]).toContain(namesLogicalUnit(marked, wwid));
    }),
    { numRuns: 1000 },
  );
});

it("finds the disk's own designator in what it answers", async () => {
  const { dataIn } = await send(diskWith(), '12 01 83 0ffc 00');
  expect(namesLogicalUnit(dataIn, formatDesignator(identity.designator))).toBe(true);
});
