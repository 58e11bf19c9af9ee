/** REGISTER, REGISTER AND IGNORE EXISTING KEY, REGISTER AND MOVE (SPC-4 §5.13.7, §5.13.8). */
import type {
  RegisterAndIgnoreCommand,
  RegisterAndMoveCommand,
  RegisterCommand,
} from '../pr/command.js';
import {
  emulatedTargetPort,
  guestNexus,
  isInitiatorName,
  type Nexus,
  type NexusId,
} from '../pr/nexus.js';
import { checkCondition, good, reservationConflict } from '../pr/outcome.js';
import { admitsRegistrants, heldByAllRegistrants } from '../pr/reservation.js';
import {
  insufficientRegistrationResources,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  reservationsReleased,
} from '../pr/sense.js';
import type { TransportId } from '../pr/transport-id.js';
import {
  counted,
  isHolder,
  isRegisteredWith,
  registrationCapacity,
  type ReservationState,
  withoutRegistrations,
  withRegistrations,
} from './reservation-state.js';
import { attentionsForOthers, changed, type Transition, unchanged } from './transition-effects.js';

type Registering = RegisterCommand | RegisterAndIgnoreCommand;

export function register(
  state: ReservationState,
  nexus: Nexus,
  command: RegisterCommand,
): Transition {
  const own = state.registrations.get(nexus.id);
  if (command.prkey !== (own?.key ?? 0n)) return unchanged(state, reservationConflict);
  if (command.specIPt === undefined) return setOwnKey(state, nexus, command);
  if (own !== undefined) return unchanged(state, checkCondition(invalidFieldInParameterList));
  return registerWithOthers(state, nexus, command, command.specIPt);
}

export function registerAndIgnore(
  state: ReservationState,
  nexus: Nexus,
  command: RegisterAndIgnoreCommand,
): Transition {
  return setOwnKey(state, nexus, command);
}

function setOwnKey(state: ReservationState, nexus: Nexus, command: Registering): Transition {
  if (command.serviceActionKey !== 0n) return addRegistrations(state, [nexus], command);
  if (!state.registrations.has(nexus.id)) return unchanged(state, good);
  const { state: next, attentions } = unregister(state, nexus.id);
  return changed(
    { ...next, generation: counted(state.generation), aptpl: command.aptpl },
    attentions,
  );
}

function registerWithOthers(
  state: ReservationState,
  nexus: Nexus,
  command: RegisterCommand,
  transportIds: readonly TransportId[],
): Transition {
  if (command.serviceActionKey === 0n) return unchanged(state, good);
  const others = transportIds.map(nexusNamed);
  const acceptable = others.every(
    (other) => other !== undefined && !state.registrations.has(other.id),
  );
  if (!acceptable) return unchanged(state, checkCondition(invalidFieldInParameterList));
  return addRegistrations(
    state,
    [nexus, ...others.filter((other) => other !== undefined)],
    command,
  );
}

/** Registers all of them or none. */
function addRegistrations(
  state: ReservationState,
  nexuses: readonly Nexus[],
  { serviceActionKey: key, aptpl, allTgPt }: Registering,
): Transition {
  const registrations = withRegistrations(
    state.registrations,
    nexuses.map((nexus) => ({ nexus, key, allTgPt })),
  );
  if (registrations.size > registrationCapacity) {
    return unchanged(state, checkCondition(insufficientRegistrationResources));
  }
  return changed({ ...state, registrations, aptpl, generation: counted(state.generation) });
}

export function registerAndMove(
  state: ReservationState,
  nexus: Nexus,
  command: RegisterAndMoveCommand,
): Transition {
  const { reservation } = state;
  if (!isRegisteredWith(state, nexus.id, command.prkey)) {
    return unchanged(state, reservationConflict);
  }
  if (reservation === undefined) return unchanged(state, checkCondition(invalidFieldInCdb));
  if (heldByAllRegistrants(reservation.type) || !isHolder(state, nexus.id)) {
    return unchanged(state, reservationConflict);
  }
  const destination = nexusNamed(command.destination);
  if (
    command.serviceActionKey === 0n ||
    command.relativeTargetPort !== emulatedTargetPort ||
    destination === undefined ||
    destination.id === nexus.id
  ) {
    return unchanged(state, checkCondition(invalidFieldInParameterList));
  }

  // Counted before the sender's registration goes: resources must suffice for the whole command.
  const registrations = withRegistrations(state.registrations, [
    { nexus: destination, key: command.serviceActionKey, allTgPt: false },
  ]);
  if (registrations.size > registrationCapacity) {
    return unchanged(state, checkCondition(insufficientRegistrationResources));
  }
  const moved = {
    ...state,
    registrations,
    reservation: { type: reservation.type, holder: destination.id },
    aptpl: command.aptpl,
    generation: counted(state.generation),
  };
  return changed(command.unregister ? withoutRegistrations(moved, [nexus.id]) : moved);
}

/** SPC-4 §5.13.11.2.3 */
function unregister(
  state: ReservationState,
  nexusId: NexusId,
): Pick<Transition, 'state' | 'attentions'> {
  const { reservation } = state;
  const endsReservation = reservation?.holder === nexusId && admitsRegistrants(reservation.type);
  return {
    state: withoutRegistrations(state, [nexusId]),
    attentions: endsReservation ? attentionsForOthers(state, nexusId, reservationsReleased) : [],
  };
}

/**
 * The nexus of this disk's one target port that a TransportID names. An initiator of an emulated
 * disk has one port, so its iSCSI name alone (format code 00b) names it too, and no other ISID can
 * ever attach. Undefined if nobody can have that TransportID.
 */
function nexusNamed(transportId: TransportId): Nexus | undefined {
  if (transportId.protocol !== 'iscsi' || !isInitiatorName(transportId.name)) return undefined;
  return (transportId.isid ?? 0n) === 0n ? guestNexus(transportId.name) : undefined;
}
