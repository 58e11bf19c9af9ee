import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  capabilitiesOf,
  encodeCapabilities,
  supportsReservations,
} from '../../../src/nvme/capabilities.js';
import { reservationTypes } from '../../../src/pr/reservation.js';

it('nvmet: every type, and no persistence', () => {
  expect(capabilitiesOf(0xfe, false)).toEqual({
    replaceLostReservation: false,
    compatibleReservationHandling: false,
    specIPt: false,
    allTgPt: false,
    persistThroughPowerLoss: false,
    persistThroughPowerLossActive: false,
    allowCommands: 0,
    types: reservationTypes,
  });
});

it.each(reservationTypes.map((type, index) => [type, 2 << index] as const))(
  '%s is bit 0x%x',
  (type, rescap) => {
    expect(capabilitiesOf(rescap, false).types).toEqual([type]);
  },
);

it('say the same on the way back', () => {
  fc.assert(
    fc.property(fc.nat(0x7f), fc.boolean(), (rescap, active) => {
      expect(encodeCapabilities(capabilitiesOf(rescap, active))).toBe(rescap | 0x80);
    }),
  );
});

it('a namespace without types has no reservations', () => {
  expect([0x00, 0x81, 0x02, 0x40].map(supportsReservations)).toEqual([false, false, true, true]);
});
