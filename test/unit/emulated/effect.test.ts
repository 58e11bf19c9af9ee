import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { effectIsThere } from '../../../src/emulated/effect.js';
import { initialState, type ReservationState } from '../../../src/emulated/reservation-state.js';
import { transition } from '../../../src/emulated/transition.js';
import type { PrOutCommand } from '../../../src/pr/command.js';
import type { Nexus } from '../../../src/pr/nexus.js';
import { heldByAllRegistrants, reservationTypes } from '../../../src/pr/reservation.js';
import {
  clear,
  preempt,
  preemptAndAbort,
  register,
  registerAndIgnore,
  release,
  reserve,
} from './support/commands.js';
import { a, b, c } from './support/reservations.js';

const key = fc.constantFrom(0n, 1n, 2n, 3n);
const type = fc.constantFrom(...reservationTypes);
const command: fc.Arbitrary<PrOutCommand> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(key, key).map(([rk, sark]) => register(rk, sark)) },
  { weight: 3, arbitrary: key.map((sark) => registerAndIgnore(sark)) },
  { weight: 3, arbitrary: fc.tuple(key, type).map(([rk, of]) => reserve(rk, of)) },
  fc.tuple(key, type).map(([rk, of]) => release(rk, of)),
  key.map(clear),
  fc.tuple(key, key, type).map(([rk, sark, of]) => preempt(rk, sark, of)),
  fc.tuple(key, key, type).map(([rk, sark, of]) => preemptAndAbort(rk, sark, of)),
);
const step = fc.record({ nexus: fc.constantFrom(a, b, c), command });

function stateAfter(steps: readonly { nexus: Nexus; command: PrOutCommand }[]): ReservationState {
  return steps.reduce(
    (state, { nexus, command }) => transition(state, nexus, command).state,
    initialState,
  );
}

/** Of one's own reservation: seen twice it unregisters, so neither answer is right for certain. */
function changesToAllRegistrants(command: PrOutCommand): boolean {
  if (command.action !== 'preempt' && command.action !== 'preempt-and-abort') return false;
  const { prkey, serviceActionKey, type } = command;
  return serviceActionKey === prkey && type !== undefined && heldByAllRegistrants(type);
}

/** PRGENERATION may differ. */
function isSame(one: ReservationState, other: ReservationState): boolean {
  return isDeepStrictEqual({ ...one, generation: 0 }, { ...other, generation: 0 });
}

it('a command that was carried out shows it, whatever came before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), step, (before, { nexus, command }) => {
      const { state, outcome } = transition(stateAfter(before), nexus, command);
      fc.pre(outcome.status === 'good' && !changesToAllRegistrants(command));
      // Or that it may be run twice: who holds a reservation preempts himself and holds it still.
      const again = transition(state, nexus, command);
      const repeats = again.outcome.status === 'good' && isSame(again.state, state);
      expect(effectIsThere(state, nexus.id, command) || repeats).toBe(true);
    }),
    { numRuns: 20_000 },
  );
});

it('a registration that is there before does not stand for one to come', () => {
  const state = stateAfter([{ nexus: a, command: register(0n, 1n) }]);
  expect(effectIsThere(state, a.id, register(1n, 2n))).toBe(false);
  expect(effectIsThere(state, b.id, register(0n, 1n))).toBe(false);
  expect(effectIsThere(state, a.id, register(1n, 0n))).toBe(false);
  expect(effectIsThere(state, a.id, registerAndIgnore(2n))).toBe(false);
});

it.each([
  ['reserve', reserve(1n, 'write-exclusive')],
  ['clear', clear(1n)],
  ['preempt', preempt(1n, 2n, 'write-exclusive')],
] as const)('nor do two registrations for %s', (_, command) => {
  const state = stateAfter([
    { nexus: a, command: register(0n, 1n) },
    { nexus: b, command: register(0n, 2n) },
  ]);
  expect(effectIsThere(state, a.id, command)).toBe(false);
});

it('a reservation of another type is none, nor does it show its release', () => {
  const state = stateAfter([
    { nexus: a, command: register(0n, 1n) },
    { nexus: a, command: reserve(1n, 'write-exclusive') },
  ]);
  expect(effectIsThere(state, a.id, reserve(1n, 'exclusive-access'))).toBe(false);
  expect(effectIsThere(state, a.id, release(1n, 'write-exclusive'))).toBe(false);
});
