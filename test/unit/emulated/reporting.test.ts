import { expect, it } from 'vitest';
import { initialState } from '../../../src/emulated/reservation-state.js';
import { transition } from '../../../src/emulated/transition.js';
import type { PrInData } from '../../../src/pr/outcome.js';
import type { ReservationCommand } from '../../../src/pr/command.js';
import {
  readFullStatus,
  readKeys,
  readReservation,
  register,
  reportCapabilities,
  reserve,
} from './support/commands.js';
import { a, b, c } from './support/reservations.js';

const state = [
  { nexus: a, command: register(0n, 0xffff_ffff_ffff_ffffn, { allTgPt: true }) },
  { nexus: b, command: register(0n, 2n, { aptpl: true }) },
  { nexus: b, command: reserve(2n, 'exclusive-access-registrants-only') },
].reduce((before, { nexus, command }) => transition(before, nexus, command).state, initialState);

function read(command: ReservationCommand, from = state): PrInData | undefined {
  const { outcome, state: after } = transition(from, c, command);
  expect(after).toBe(from);
  return outcome.status === 'good' ? outcome.data : undefined;
}

it('READ KEYS', () => {
  expect(read(readKeys)).toEqual({
    action: 'read-keys',
    generation: 2,
    keys: [0xffff_ffff_ffff_ffffn, 2n],
  });
});

it('READ RESERVATION', () => {
  expect(read(readReservation)).toEqual({
    action: 'read-reservation',
    generation: 2,
    reservation: { key: 2n, scope: 'logical-unit', type: 'exclusive-access-registrants-only' },
  });
});

it('READ FULL STATUS', () => {
  expect(read(readFullStatus)).toEqual({
    action: 'read-full-status',
    generation: 2,
    registrations: [
      { key: 0xffff_ffff_ffff_ffffn, nexus: a, allTgPt: true, reservation: undefined },
      {
        key: 2n,
        nexus: b,
        allTgPt: false,
        reservation: { scope: 'logical-unit', type: 'exclusive-access-registrants-only' },
      },
    ],
  });
});

it('REPORT CAPABILITIES', () => {
  const capabilities = {
    replaceLostReservation: false,
    compatibleReservationHandling: true,
    specIPt: true,
    allTgPt: true,
    persistThroughPowerLoss: true,
    persistThroughPowerLossActive: true,
    allowCommands: 4,
    types: [
      'write-exclusive',
      'exclusive-access',
      'write-exclusive-registrants-only',
      'exclusive-access-registrants-only',
      'write-exclusive-all-registrants',
      'exclusive-access-all-registrants',
    ],
  };
  expect(read(reportCapabilities)).toEqual({ action: 'report-capabilities', capabilities });
  expect(read(reportCapabilities, initialState)).toEqual({
    action: 'report-capabilities',
    capabilities: { ...capabilities, persistThroughPowerLossActive: false },
  });
});

it('nothing registered', () => {
  expect(read(readKeys, initialState)).toEqual({ action: 'read-keys', generation: 0, keys: [] });
  expect(read(readReservation, initialState)).toEqual({
    action: 'read-reservation',
    generation: 0,
    reservation: undefined,
  });
});
