import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  decodeReport,
  encodeReport,
  type ReservationReport,
} from '../../../src/nvme/reservation-report.js';
import { reservationTypes } from '../../../src/pr/reservation.js';
import { bytes, groups } from '../scsi/support/bytes.js';

function reports(hostIdDigits: number): fc.Arbitrary<ReservationReport> {
  const digit = '[0-9a-f]';
  return fc.record({
    generation: fc.nat(0xffff_ffff),
    type: fc.constantFrom(...reservationTypes, undefined),
    persistsThroughPowerLoss: fc.boolean(),
    registrants: fc.array(
      fc.record({
        controllerId: fc.nat(0xffff),
        holdsReservation: fc.boolean(),
        key: fc.bigInt(0n, 2n ** 64n - 1n),
        hostId: fc.stringMatching(new RegExp(`^${digit}{${hostIdDigits}}$`)),
      }),
      { maxLength: 9 },
    ),
  });
}

it.each([
  [true, 32],
  [false, 16],
])('extended %s: reads what it writes, and never a part for the whole', (extended, digits) => {
  fc.assert(
    fc.property(
      reports(digits),
      fc.double({ min: 0, max: 1, maxExcluded: true }),
      (report, part) => {
        const whole = encodeReport(report, extended);
        expect(decodeReport(whole, extended)).toEqual({ kind: 'whole', report });
        const padded = Buffer.concat([whole], whole.length + 100);
        expect(decodeReport(padded, extended)).toEqual({ kind: 'whole', report });
        const cut = decodeReport(whole.subarray(0, Math.floor(whole.length * part)), extended);
        expect(cut.kind).not.toBe('whole');
        if (cut.kind === 'cut') expect(cut.wholeLength).toBe(whole.length);
      },
    ),
  );
});

const registrants = [
  {
    controllerId: 0xffff,
    holdsReservation: true,
    key: 0xa1n,
    hostId: '11111111000000000000000000000001',
  },
];
const report: ReservationReport = {
  generation: 5,
  type: 'write-exclusive-registrants-only',
  persistsThroughPowerLoss: true,
  registrants,
};

it('golden bytes with host identifiers of 128 bits', () => {
  expect(groups(encodeReport(report, true))).toBe(
    groups(
      bytes(`05000000 03 0100 0000 01 ${'00'.repeat(54)}
        ffff 01 0000000000 a100000000000000 11111111000000000000000000000001 ${'00'.repeat(32)}`),
    ),
  );
});

it('golden bytes with host identifiers of 64 bits', () => {
  const short = registrants.map((each) => ({ ...each, hostId: '1122334455667788' }));
  expect(groups(encodeReport({ ...report, registrants: short }, false))).toBe(
    groups(
      bytes(`05000000 03 0100 0000 01 ${'00'.repeat(14)}
        ffff 01 0000000000 1122334455667788 a100000000000000`),
    ),
  );
});

it('a reserved type is malformed', () => {
  const data = encodeReport(report, true);
  data[4] = 7;
  expect(decodeReport(data, true)).toEqual({ kind: 'malformed' });
});

it('reads or refuses any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (data, extended) => {
      const { kind } = decodeReport(Buffer.from(data), extended);
      expect(['whole', 'cut', 'malformed']).toContain(kind);
    }),
    { numRuns: 2000 },
  );
});
