import type { NexusId } from '../pr/nexus.js';
import type { Sense } from '../pr/sense.js';
import {
  initialState,
  noRegistrations,
  type Registrations,
  type Reservation,
  type ReservationState,
} from './reservation-state.js';

/** What of the reservations outlives a power cycle. */
export interface StoredReservations {
  readonly generation: number;
  readonly aptpl: boolean;
  readonly registrations: Registrations;
  readonly reservation: Reservation | undefined;
  /**
   * What does not outlive a power cycle is there, too: the process that wrote it let go of the disk
   * so that another goes on with it, as its guests migrate.
   */
  readonly handover?: Handover;
}

export interface Handover {
  /** Who holds RESERVE(6). */
  readonly legacyHolder: NexusId | undefined;
  /** Unit attention conditions that attached nexuses have not been told of. */
  readonly attentions: ReadonlyMap<NexusId, readonly Sense[]>;
}

/** Where that is kept. */
export interface StateStore {
  /**
   * What was saved last; undefined if nothing ever was.
   * @throws if it can't be read whole: reservations are never dropped silently
   */
  load(): Promise<StoredReservations | undefined>;
  /**
   * Resolves when it is durable: from then on `load` gives this, whatever happens. While it runs,
   * and after it failed, either this or what was there before.
   */
  save(stored: StoredReservations): Promise<void>;
}

/**
 * SPC-4 §5.13.5.1: registrations and reservation only if the last registration set APTPL. The
 * generation always, against SPC-4 §6.15.2, which sets PRGENERATION to zero at power on: here
 * power on is the start of a process that a guest need not notice, and one that compared
 * generations across it would take a changed table for an unchanged one.
 */
export function storedOf(state: ReservationState): StoredReservations {
  const { generation, aptpl, registrations, reservation } = state;
  return aptpl
    ? { generation, aptpl, registrations, reservation }
    : { generation, aptpl, registrations: noRegistrations, reservation: undefined };
}

export function isSameStored(a: StoredReservations, b: StoredReservations): boolean {
  return (
    a.generation === b.generation &&
    a.aptpl === b.aptpl &&
    a.registrations === b.registrations &&
    a.reservation === b.reservation
  );
}

/** All of the state, for the process that goes on with it. */
export function handoverOf(
  state: ReservationState,
  attentions: Handover['attentions'],
): StoredReservations {
  const { generation, aptpl, registrations, reservation, legacyHolder } = state;
  const handover = { legacyHolder, attentions };
  return { generation, aptpl, registrations, reservation, handover };
}

/** The state at power on. */
export function stateFrom(stored: StoredReservations | undefined): ReservationState {
  return { ...initialState, ...storedOf({ ...initialState, ...stored }) };
}

/** The state where the process before let go of it; at power on if it didn't hand it over. */
export function stateContinuing(stored: StoredReservations | undefined): ReservationState {
  if (stored?.handover === undefined) return stateFrom(stored);
  const { handover, ...kept } = stored;
  return { ...kept, legacyHolder: handover.legacyHolder };
}
