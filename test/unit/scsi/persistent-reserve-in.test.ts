import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guestNexus, nexusOf } from '../../../src/pr/nexus.js';
import type { PrInData } from '../../../src/pr/outcome.js';
import { reservationTypes } from '../../../src/pr/reservation.js';
import { encodePrInData } from '../../../src/scsi/persistent-reserve-in.js';
import { bytes, groups } from './support/bytes.js';
import { alice, diskWith, ScriptedReservations, send, verdict } from './support/disk.js';

function encoded(data: PrInData): string {
  return groups(encodePrInData(data));
}

describe('golden bytes', () => {
  it('READ KEYS', () => {
    const keys = [0x123abcn, 0xfedcba9876543210n];
    expect(encoded({ action: 'read-keys', generation: 7, keys })).toBe(
      groups(bytes('00000007 00000010 0000000000123abc fedcba9876543210')),
    );
    expect(encoded({ action: 'read-keys', generation: 0xffffffff, keys: [] })).toBe(
      groups(bytes('ffffffff 00000000')),
    );
  });

  const typeNibbles = ['1', '3', '5', '6', '7', '8'];
  it.each(reservationTypes.map((type, index) => [type, typeNibbles[index]] as const))(
    'READ RESERVATION of %s',
    (type, nibble) => {
      const reservation = { key: 0xabn, scope: 'logical-unit' as const, type };
      expect(encoded({ action: 'read-reservation', generation: 1, reservation })).toBe(
        groups(bytes(`00000001 00000010 00000000000000ab 00000000 00 0${nibble ?? ''} 0000`)),
      );
    },
  );

  it('READ RESERVATION of none', () => {
    expect(encoded({ action: 'read-reservation', generation: 9, reservation: undefined })).toBe(
      groups(bytes('00000009 00000000')),
    );
  });

  it('REPORT CAPABILITIES', () => {
    const none = {
      replaceLostReservation: false,
      compatibleReservationHandling: false,
      specIPt: false,
      allTgPt: false,
      persistThroughPowerLoss: false,
      persistThroughPowerLossActive: false,
      allowCommands: 0,
      types: [],
    };
    const report = (capabilities: object) =>
      encoded({ action: 'report-capabilities', capabilities: { ...none, ...capabilities } });
    const golden: [object, string][] = [
      [{}, '0008 00 80 0000 0000'],
      [{ replaceLostReservation: true }, '0008 80 80 0000 0000'],
      [{ compatibleReservationHandling: true }, '0008 10 80 0000 0000'],
      [{ specIPt: true }, '0008 08 80 0000 0000'],
      [{ allTgPt: true }, '0008 04 80 0000 0000'],
      [{ persistThroughPowerLoss: true }, '0008 01 80 0000 0000'],
      [{ persistThroughPowerLossActive: true }, '0008 00 81 0000 0000'],
      [{ allowCommands: 5 }, '0008 00 d0 0000 0000'],
      [{ types: reservationTypes }, '0008 00 80 ea01 0000'],
      ...reservationTypes.map((type, index): [object, string] => [
        { types: [type] },
        `0008 00 80 ${['0200', '0800', '2000', '4000', '8000', '0001'][index] ?? ''} 0000`,
      ]),
    ];
    for (const [capabilities, hex] of golden) expect(report(capabilities)).toBe(groups(bytes(hex)));
  });

  it('READ FULL STATUS', () => {
    const portName = 0x2100001122334455n;
    const registrations = [
      {
        key: 0xa1n,
        nexus: guestNexus('iqn.2026-01.org.example:a'),
        allTgPt: false,
        reservation: {
          scope: 'logical-unit' as const,
          type: 'write-exclusive-registrants-only' as const,
        },
      },
      {
        key: 0xb2n,
        nexus: nexusOf({ protocol: 'fibre-channel', portName }, 3),
        allTgPt: true,
        reservation: undefined,
      },
    ];
    const name = Buffer.from('iqn.2026-01.org.example:a,i,0x000000000000').toString('hex');
    expect(encoded({ action: 'read-full-status', generation: 2, registrations })).toBe(
      groups(
        bytes(`00000002 00000078
          00000000000000a1 00000000 01 05 00000000 0001 00000030  45 00 002c ${name} 0000
          00000000000000b2 00000000 02 00 00000000 0000 00000018  00 00000000000000
          2100001122334455 0000000000000000`),
      ),
    );
  });
});

/** What a host reads out of READ KEYS data. */
function readKeys(data: Buffer): { generation: number; length: number; keys: bigint[] } {
  const keys: bigint[] = [];
  for (let at = 8; at + 8 <= data.length; at += 8) {
    keys.push(BigInt(`0x${data.toString('hex', at, at + 8)}`));
  }
  return {
    generation: Number(`0x${data.toString('hex', 0, 4)}`),
    length: Number(`0x${data.toString('hex', 4, 8)}`),
    keys,
  };
}

it('is cut to the allocation length, while the length in it stays that of the whole', async () => {
  const reservations = new ScriptedReservations();
  const unit = diskWith({ reservations });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.bigInt(1n, 2n ** 64n - 1n), { maxLength: 128 }),
      fc.oneof(fc.constantFrom(0, 1, 8, 0xffff), fc.nat(0xffff)),
      async (keys, allocationLength) => {
        const data: PrInData = { action: 'read-keys', generation: 5, keys };
        reservations.outcome = { status: 'good', data };
        const allocation = allocationLength.toString(16).padStart(4, '0');
        const answer = await send(unit, `5e 00 0000000000 ${allocation} 00`);
        const whole = 8 + 8 * keys.length;
        expect([verdict(answer), answer.dataIn.length]).toEqual([
          'good',
          Math.min(allocationLength, whole),
        ]);
        if (answer.dataIn.length < 8) return;
        expect(readKeys(answer.dataIn)).toEqual({
          generation: 5,
          length: 8 * keys.length,
          keys: keys.slice(0, Math.floor((answer.dataIn.length - 8) / 8)),
        });
      },
    ),
  );
});

it.each([
  ['00', 'read-keys'],
  ['01', 'read-reservation'],
  ['02', 'report-capabilities'],
  ['03', 'read-full-status'],
])('service action %s is %s', async (code, action) => {
  const reservations = new ScriptedReservations();
  await send(diskWith({ reservations }), `5e ${code} 0000000000 ffff 00`, '', alice);
  expect(reservations.commands).toEqual([{ action }]);
});
