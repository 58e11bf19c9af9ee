import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PrInCommand } from '../../../src/pr/command.js';
import { reservationTypes } from '../../../src/pr/reservation.js';
import { decodePrInData } from '../../../src/scsi/persistent-reserve-in-data.js';
import { encodePrInData } from '../../../src/scsi/persistent-reserve-in.js';
import { prInData } from './support/arbitraries.js';
import { bytes } from './support/bytes.js';

it('reads what the guest-facing encoder writes', () => {
  fc.assert(
    fc.property(prInData, (data) => {
      expect(decodePrInData(data.action, encodePrInData(data))).toEqual({ kind: 'whole', data });
    }),
    { numRuns: 500 },
  );
});

it('ignores what a device or a helper pads the data with', () => {
  fc.assert(
    fc.property(prInData, fc.nat(100), (data, padding) => {
      const padded = Buffer.concat([encodePrInData(data), Buffer.alloc(padding)]);
      expect(decodePrInData(data.action, padded)).toEqual({ kind: 'whole', data });
    }),
  );
});

it('never takes a part for the whole', () => {
  fc.assert(
    fc.property(prInData, fc.double({ min: 0, max: 1, maxExcluded: true }), (data, part) => {
      const whole = encodePrInData(data);
      const cut = whole.subarray(0, Math.floor(whole.length * part));
      const reading = decodePrInData(data.action, cut);
      expect(reading).toEqual(
        cut.length < 8 ? { kind: 'malformed' } : { kind: 'cut', wholeLength: whole.length },
      );
    }),
  );
});

it('reads or refuses any bytes', () => {
  const actions = ['read-keys', 'read-reservation', 'report-capabilities', 'read-full-status'];
  fc.assert(
    fc.property(
      fc.constantFrom(...(actions as PrInCommand['action'][])),
      // Short lengths in the header make the lists inside be looked at.
      fc.nat(120),
      fc.uint8Array({ maxLength: 160 }),
      (action, length, body) => {
        const data = Buffer.concat([Buffer.alloc(4), bytes(length.toString(16).padStart(8, '0'))]);
        const { kind } = decodePrInData(action, Buffer.concat([data, body]));
        expect(['whole', 'cut', 'malformed']).toContain(kind);
      },
    ),
    { numRuns: 2000 },
  );
});

describe('malformed', () => {
  const header = (length: string) => `00000001 ${length}`;
  const sas = '06 000000 5000c50012345678 000000000000000000000000';
  const status = (scopeAndType: string, length: string) =>
    `00000000000000a1 00000000 01 ${scopeAndType} 00000000 0001 ${length}`;
  const cases: [string, PrInCommand['action'], string][] = [
    ['nothing', 'read-keys', ''],
    ['half a header', 'read-keys', '00000001 0000'],
    ['half a key', 'read-keys', `${header('0000000c')} 0000000000000001 00000002`],
    ['half a reservation', 'read-reservation', `${header('00000008')} 0000000000000001`],
    [
      'a type that does not exist',
      'read-reservation',
      `${header('00000010')} 00000000000000a1 00000000 00 02 0000`,
    ],
    [
      'a scope that does not exist',
      'read-reservation',
      `${header('00000010')} 00000000000000a1 00000000 00 25 0000`,
    ],
    ['half a status descriptor', 'read-full-status', `${header('00000010')} ${'00'.repeat(16)}`],
    [
      'a descriptor beyond the list',
      'read-full-status',
      `${header('00000030')} ${status('05', '00000019')} ${sas}`,
    ],
    [
      'a descriptor of a huge length',
      'read-full-status',
      `${header('00000030')} ${status('05', 'fffffff8')} ${sas}`,
    ],
    [
      'a holder of no type',
      'read-full-status',
      `${header('00000030')} ${status('00', '00000018')} ${sas}`,
    ],
    ['capabilities of no length', 'report-capabilities', '0000 00 80 0000 0000'],
    ['half the capabilities', 'report-capabilities', '0008 00 80'],
  ];
  it.each(cases)('%s', (_, action, hex) => {
    expect(decodePrInData(action, bytes(hex))).toEqual({ kind: 'malformed' });
  });
});

it('keeps a registration whose TransportID it does not know', () => {
  const transportId = 'f1020304';
  const data = bytes(`00000002 0000001c
    00000000000000b2 00000000 00 00 00000000 0007 00000004 ${transportId}`);
  expect(decodePrInData('read-full-status', data)).toMatchObject({
    kind: 'whole',
    data: {
      registrations: [
        {
          key: 0xb2n,
          nexus: {
            id: 'other.f1020304,t,0x0007',
            transportId: { protocol: 'other', bytes: new Uint8Array(bytes(transportId)) },
          },
        },
      ],
    },
  });
});

it('takes a device that says nothing about types to have all', () => {
  const reading = decodePrInData('report-capabilities', bytes('0008 01 01 0000 0000'));
  expect(reading).toMatchObject({ data: { capabilities: { types: reservationTypes } } });
});
