/** RESERVE, RELEASE and CLEAR (SPC-4 §5.13.9, §5.13.11.2.2, §5.13.11.2.7). */
import type { ClearCommand, ReleaseCommand, ReserveCommand } from '../pr/command.js';
import type { Nexus } from '../pr/nexus.js';
import { checkCondition, good, reservationConflict } from '../pr/outcome.js';
import { admitsRegistrants } from '../pr/reservation.js';
import {
  invalidFieldInCdb,
  invalidReleaseOfPersistentReservation,
  reservationsPreempted,
  reservationsReleased,
} from '../pr/sense.js';
import {
  counted,
  isHolder,
  isRegisteredWith,
  noRegistrations,
  reservationBy,
  type ReservationState,
} from './reservation-state.js';
import { attentionsForOthers, changed, type Transition, unchanged } from './transition-effects.js';

export function reserve(
  state: ReservationState,
  nexus: Nexus,
  { prkey, scope, type }: ReserveCommand,
): Transition {
  if (!isRegisteredWith(state, nexus.id, prkey)) return unchanged(state, reservationConflict);
  if (scope === undefined || type === undefined) {
    return unchanged(state, checkCondition(invalidFieldInCdb));
  }
  if (state.reservation === undefined) {
    return changed({ ...state, reservation: reservationBy(nexus.id, type) });
  }
  const repeated = isHolder(state, nexus.id) && state.reservation.type === type;
  return unchanged(state, repeated ? good : reservationConflict);
}

export function release(
  state: ReservationState,
  nexus: Nexus,
  { prkey, scope, type }: ReleaseCommand,
): Transition {
  const { reservation } = state;
  if (!state.registrations.has(nexus.id)) return unchanged(state, reservationConflict);
  if (reservation === undefined) return unchanged(state, good);
  if (!isRegisteredWith(state, nexus.id, prkey)) return unchanged(state, reservationConflict);
  if (!isHolder(state, nexus.id)) return unchanged(state, good);
  if (scope === undefined || type !== reservation.type) {
    return unchanged(state, checkCondition(invalidReleaseOfPersistentReservation));
  }
  const released = { ...state, reservation: undefined };
  return changed(
    released,
    admitsRegistrants(reservation.type)
      ? attentionsForOthers(state, nexus.id, reservationsReleased)
      : [],
  );
}

export function clear(state: ReservationState, nexus: Nexus, { prkey }: ClearCommand): Transition {
  if (!isRegisteredWith(state, nexus.id, prkey)) return unchanged(state, reservationConflict);
  const cleared = {
    ...state,
    generation: counted(state.generation),
    registrations: noRegistrations,
    reservation: undefined,
  };
  return changed(cleared, attentionsForOthers(state, nexus.id, reservationsPreempted));
}
