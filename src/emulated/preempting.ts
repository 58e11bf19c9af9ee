/** PREEMPT and PREEMPT AND ABORT (SPC-4 §5.13.11.2.4 to §5.13.11.2.6). */
import type { PreemptCommand } from '../pr/command.js';
import type { Nexus, NexusId } from '../pr/nexus.js';
import { checkCondition, reservationConflict } from '../pr/outcome.js';
import { heldByAllRegistrants, type ReservationKey } from '../pr/reservation.js';
import {
  invalidFieldInCdb,
  invalidFieldInParameterList,
  registrationsPreempted,
  reservationsReleased,
} from '../pr/sense.js';
import {
  counted,
  isRegisteredWith,
  type Reservation,
  reservationBy,
  type ReservationState,
  withoutRegistrations,
} from './reservation-state.js';
import {
  type Attention,
  attentionsForOthers,
  changed,
  type Transition,
  unchanged,
} from './transition-effects.js';

export function preempt(
  state: ReservationState,
  nexus: Nexus,
  command: PreemptCommand,
): Transition {
  const { reservation } = state;
  const { prkey, serviceActionKey } = command;
  if (!isRegisteredWith(state, nexus.id, prkey)) return unchanged(state, reservationConflict);

  const allHold = reservation !== undefined && heldByAllRegistrants(reservation.type);
  if (serviceActionKey === 0n && !allHold) {
    return unchanged(state, checkCondition(invalidFieldInParameterList));
  }
  const named = serviceActionKey === 0n ? everyone(state) : withKey(state, serviceActionKey);
  if (named.length === 0) return unchanged(state, reservationConflict);

  if (reservation !== undefined && namesHolder(state, reservation, serviceActionKey)) {
    return preemptReservation(state, nexus, command, reservation, named);
  }
  return removeRegistrations(state, nexus, command, named);
}

/** Takes the reservation over; the preempting nexus keeps its registration, whatever its key. */
function preemptReservation(
  state: ReservationState,
  nexus: Nexus,
  { action, scope, type }: PreemptCommand,
  old: Reservation,
  named: readonly NexusId[],
): Transition {
  if (scope === undefined || type === undefined) {
    return unchanged(state, checkCondition(invalidFieldInCdb));
  }
  const removed = named.filter((nexusId) => nexusId !== nexus.id);
  const next = {
    ...withoutRegistrations(state, removed),
    generation: counted(state.generation),
    reservation: reservationBy(nexus.id, type),
  };
  const released =
    type === old.type ? [] : attentionsForOthers(next, nexus.id, reservationsReleased);
  return changed(
    next,
    [...preemptedAttentions(removed, nexus.id), ...released],
    action === 'preempt-and-abort' ? named : [],
  );
}

/** SCOPE and TYPE are ignored, and the preempting nexus is removed too if it has that key. */
function removeRegistrations(
  state: ReservationState,
  nexus: Nexus,
  { action }: PreemptCommand,
  named: readonly NexusId[],
): Transition {
  const next = { ...withoutRegistrations(state, named), generation: counted(state.generation) };
  return changed(
    next,
    preemptedAttentions(named, nexus.id),
    action === 'preempt-and-abort' ? named : [],
  );
}

/** Under an all-registrants type only key 0 means the holders, all of them (SPC-4 table 72). */
function namesHolder(
  { registrations }: ReservationState,
  { holder }: Reservation,
  key: ReservationKey,
): boolean {
  if (holder === undefined) return key === 0n;
  return registrations.get(holder)?.key === key;
}

function everyone({ registrations }: ReservationState): NexusId[] {
  return [...registrations.keys()];
}

function withKey({ registrations }: ReservationState, key: ReservationKey): NexusId[] {
  return [...registrations.values()]
    .filter((registration) => registration.key === key)
    .map(({ nexus }) => nexus.id);
}

function preemptedAttentions(removed: readonly NexusId[], sender: NexusId): Attention[] {
  return removed
    .filter((nexusId) => nexusId !== sender)
    .map((nexusId) => ({ nexusId, condition: registrationsPreempted }));
}
