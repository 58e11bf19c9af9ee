/** Commands of few keys, so that they meet each other. */
import fc from 'fast-check';
import type { PrCommand } from '../../../../src/pr/command.js';
import { reservationTypes } from '../../../../src/pr/reservation.js';

const key = fc.constantFrom(0n, 0xa1n, 0xb2n);
const reservation = {
  scope: fc.constant('logical-unit' as const),
  type: fc.constantFrom(...reservationTypes),
};

export const smallCommands: fc.Arbitrary<PrCommand> = fc.oneof(
  fc.record({
    action: fc.constantFrom(
      'read-keys' as const,
      'read-reservation' as const,
      'read-full-status' as const,
      'report-capabilities' as const,
    ),
  }),
  fc.record({
    action: fc.constant('register' as const),
    prkey: key,
    serviceActionKey: key,
    aptpl: fc.boolean(),
    allTgPt: fc.constant(false),
    specIPt: fc.constant(undefined),
  }),
  fc.record({
    action: fc.constant('register-and-ignore-existing-key' as const),
    serviceActionKey: key,
    aptpl: fc.boolean(),
    allTgPt: fc.constant(false),
  }),
  fc.record({
    action: fc.constantFrom('reserve' as const, 'release' as const),
    prkey: key,
    ...reservation,
  }),
  fc.record({ action: fc.constant('clear' as const), prkey: key }),
  fc.record({
    action: fc.constantFrom('preempt' as const, 'preempt-and-abort' as const),
    prkey: key,
    serviceActionKey: key,
    ...reservation,
  }),
);
