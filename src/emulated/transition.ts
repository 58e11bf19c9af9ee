/**
 * What a command does to the reservations of an emulated logical unit, by SPC-4 §5.13. Pure: where
 * the state lives, who is attached and what is in flight are other files' business.
 *
 * Choices where targets differ:
 * - REGISTER with key 0 from an unregistered nexus does nothing, so PRGENERATION stays (SPC-4 table
 *   67 and LIO; SCST and tgt count it).
 * - RELEASE with nothing reserved is GOOD for a registrant whatever its key (LIO, SCST, tgt; SPC-4
 *   §6.16.3 would have the key checked first).
 * - PREEMPT of one's own key by a nexus that does not hold the reservation removes its own
 *   registration, also when nothing is reserved and under an all-registrants type (SPC-4
 *   §5.13.11.2.5, and fence_scsi counts on it; SCST keeps it in these two cases).
 * - PREEMPT ignores SCOPE and TYPE where it only removes registrations (SPC-4 §5.13.11.2.5; LIO and
 *   SCST refuse an undefined type): sg_persist sends type 0 unless told otherwise.
 * - REPLACE LOST RESERVATION is not supported (RLR_C = 0, INVALID FIELD IN CDB): a damaged state
 *   file keeps the disk from being served, so no guest can meet lost reservations, and none may
 *   overwrite what an administrator could bring back.
 */
import {
  isPrIn,
  offeredPrActions,
  type PrCommand,
  type ReservationCommand,
} from '../pr/command.js';
import type { Nexus } from '../pr/nexus.js';
import { checkCondition, reservationConflict } from '../pr/outcome.js';
import { invalidFieldInCdb } from '../pr/sense.js';
import { releaseLegacy, reserveLegacy } from './legacy-reservation.js';
import { preempt } from './preempting.js';
import { register, registerAndIgnore, registerAndMove } from './registering.js';
import { report } from './reporting.js';
import type { ReservationState } from './reservation-state.js';
import { clear, release, reserve } from './reserving.js';
import { type Transition, unchanged } from './transition-effects.js';

/** What a logical unit with emulated reservations carries out. */
export const emulatedActions: ReadonlySet<ReservationCommand['action']> = new Set([
  ...offeredPrActions,
  'reserve-6',
  'release-6',
] as const);

export function transition(
  state: ReservationState,
  nexus: Nexus,
  command: ReservationCommand,
): Transition {
  switch (command.action) {
    case 'reserve-6':
      return reserveLegacy(state, nexus);
    case 'release-6':
      return releaseLegacy(state, nexus);
    default:
      // SPC-2 §5.5.1: while RESERVE(6) is in force, PERSISTENT RESERVE conflicts for everybody.
      if (state.legacyHolder !== undefined) return unchanged(state, reservationConflict);
      return persistentTransition(state, nexus, command);
  }
}

function persistentTransition(
  state: ReservationState,
  nexus: Nexus,
  command: PrCommand,
): Transition {
  if (isPrIn(command)) return unchanged(state, { status: 'good', data: report(state, command) });
  switch (command.action) {
    case 'register':
      return register(state, nexus, command);
    case 'register-and-ignore-existing-key':
      return registerAndIgnore(state, nexus, command);
    case 'register-and-move':
      return registerAndMove(state, nexus, command);
    case 'reserve':
      return reserve(state, nexus, command);
    case 'release':
      return release(state, nexus, command);
    case 'clear':
      return clear(state, nexus, command);
    case 'preempt':
    case 'preempt-and-abort':
      return preempt(state, nexus, command);
    case 'replace-lost-reservation':
      return unchanged(state, checkCondition(invalidFieldInCdb));
  }
}
