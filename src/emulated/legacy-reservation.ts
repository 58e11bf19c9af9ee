/**
 * RESERVE(6) and RELEASE(6) as SPC-2 §5.5.1 has them, with the exceptions of SPC-4 §5.13.3 (CRH):
 * the two ways of reserving shut each other out, but who may write anyway by a persistent
 * reservation gets GOOD for RESERVE and RELEASE, which then do nothing.
 */
import type { Nexus, NexusId } from '../pr/nexus.js';
import { good, reservationConflict } from '../pr/outcome.js';
import { admitsRegistrants } from '../pr/reservation.js';
import { isHolder, type ReservationState } from './reservation-state.js';
import { changed, type Transition, unchanged } from './transition-effects.js';

export function reserveLegacy(state: ReservationState, nexus: Nexus): Transition {
  if (state.registrations.size > 0) return besidePersistent(state, nexus.id);
  if (state.legacyHolder === undefined) return changed({ ...state, legacyHolder: nexus.id });
  return unchanged(state, state.legacyHolder === nexus.id ? good : reservationConflict);
}

export function releaseLegacy(state: ReservationState, nexus: Nexus): Transition {
  if (state.registrations.size > 0) return besidePersistent(state, nexus.id);
  if (state.legacyHolder !== nexus.id) return unchanged(state, good);
  return changed(withoutLegacyReservation(state));
}

/** Also what a reset of the logical unit does, and the loss of the holder's nexus. */
export function withoutLegacyReservation(state: ReservationState): ReservationState {
  return { ...state, legacyHolder: undefined };
}

function besidePersistent(state: ReservationState, nexusId: NexusId): Transition {
  const { reservation, registrations } = state;
  const exempt =
    isHolder(state, nexusId) ||
    (reservation !== undefined &&
      admitsRegistrants(reservation.type) &&
      registrations.has(nexusId));
  return unchanged(state, exempt ? good : reservationConflict);
}
