import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeSense,
  invalidCdbField,
  invalidParameterField,
  lbaOutOfRange,
  noSense,
  powerOnOrReset,
  type ScsiSense,
} from '../../../src/scsi/sense.js';
import { bytes, groups } from './support/bytes.js';

describe('golden bytes', () => {
  const cases: [string, ScsiSense, string, string][] = [
    ['none', noSense, '70 00 00 00000000 0a 00000000 0000 00 000000', '72 00 0000 000000 00'],
    [
      'POWER ON, RESET, OR BUS DEVICE RESET OCCURRED',
      powerOnOrReset,
      '70 00 06 00000000 0a 00000000 2900 00 000000',
      '72 06 2900 000000 00',
    ],
    [
      'INVALID FIELD IN CDB, byte 2 bit 5',
      invalidCdbField(2, 5),
      '70 00 05 00000000 0a 00000000 2400 00 cd0002',
      '72 05 2400 000000 08  02 06 0000 cd0002 00',
    ],
    [
      'INVALID FIELD IN PARAMETER LIST, byte 300',
      invalidParameterField(300),
      '70 00 05 00000000 0a 00000000 2600 00 80012c',
      '72 05 2600 000000 08  02 06 0000 80012c 00',
    ],
    [
      'LOGICAL BLOCK ADDRESS OUT OF RANGE with INFORMATION',
      lbaOutOfRange(0x1234n),
      'f0 00 05 00001234 0a 00000000 2100 00 000000',
      '72 05 2100 000000 0c  00 0a 80 00 0000000000001234',
    ],
    [
      'INFORMATION that fixed format has no room for',
      lbaOutOfRange(0x1_0000_0000n),
      '70 00 05 00000000 0a 00000000 2100 00 000000',
      '72 05 2100 000000 0c  00 0a 80 00 0000000100000000',
    ],
  ];
  it.each(cases)('%s', (_, sense, fixed, descriptor) => {
    expect(groups(encodeSense(sense, 'fixed'))).toBe(groups(bytes(fixed)));
    expect(groups(encodeSense(sense, 'descriptor'))).toBe(groups(bytes(descriptor)));
  });
});

/** Reads sense data the way a host does, from the format tables alone. */
function read(data: Buffer): ScsiSense {
  const pointer = (at: number): Pick<ScsiSense, 'field'> => {
    const [flags = 0, high = 0, low = 0] = data.subarray(at);
    if (flags < 128) return {};
    const of = Math.floor(flags / 64) % 2 === 1 ? 'cdb' : 'parameter-list';
    const bit = Math.floor(flags / 8) % 2 === 1 ? flags % 8 : undefined;
    return { field: { of, byte: high * 256 + low, bit } };
  };
  if (data[0] === 0x70 || data[0] === 0xf0) {
    return {
      senseKey: data[2] ?? -1,
      asc: data[12] ?? -1,
      ascq: data[13] ?? -1,
      ...(data[0] === 0xf0 && { information: BigInt(`0x${data.toString('hex', 3, 7)}`) }),
      ...pointer(15),
    };
  }
  const found: { -readonly [Key in keyof ScsiSense]: ScsiSense[Key] } = {
    senseKey: data[1] ?? -1,
    asc: data[2] ?? -1,
    ascq: data[3] ?? -1,
  };
  for (let at = 8; at < 8 + (data[7] ?? 0); at += 2 + (data[at + 1] ?? 0)) {
    if (data[at] === 0x00) found.information = BigInt(`0x${data.toString('hex', at + 4, at + 12)}`);
    if (data[at] === 0x02) Object.assign(found, pointer(at + 4));
  }
  return found;
}

const byte = fc.nat(0xff);
const senses: fc.Arbitrary<ScsiSense> = fc.record(
  {
    senseKey: fc.nat(0xf),
    asc: byte,
    ascq: byte,
    information: fc.bigInt(0n, 2n ** 64n - 1n),
    field: fc.record({
      of: fc.constantFrom('cdb' as const, 'parameter-list' as const),
      byte: fc.nat(0xffff),
      bit: fc.option(fc.nat(7), { nil: undefined }),
    }),
  },
  { requiredKeys: ['senseKey', 'asc', 'ascq'] },
);

it('says in both formats what it was given, and fits into a sense buffer of 96 bytes', () => {
  fc.assert(
    fc.property(senses, (sense) => {
      const fixed = encodeSense(sense, 'fixed');
      const descriptor = encodeSense(sense, 'descriptor');
      const { information, ...rest } = sense;
      const fitsFixed = information !== undefined && information < 2n ** 32n;
      expect(read(fixed)).toEqual(fitsFixed ? { ...rest, information } : rest);
      expect(read(descriptor)).toEqual(sense);
      expect([fixed.length, fixed[7]]).toEqual([18, 10]);
      expect(descriptor.length).toBe(8 + (descriptor[7] ?? 0));
      expect(descriptor.length).toBeLessThanOrEqual(96);
    }),
  );
});
