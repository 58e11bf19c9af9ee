/** The reservations of one emulated logical unit at one moment. Never changed, only replaced. */
import type { Nexus, NexusId } from '../pr/nexus.js';
import {
  heldByAllRegistrants,
  type ReservationKey,
  type ReservationType,
} from '../pr/reservation.js';

/**
 * Nexuses that can be registered at once. A registrant can fill the table for others by SPEC_I_PT,
 * so it has a bound; Linux and Windows clusters have at most 64 nodes.
 */
export const registrationCapacity = 128;

export interface Registration {
  readonly nexus: Nexus;
  /** Never 0n. */
  readonly key: ReservationKey;
  readonly allTgPt: boolean;
}

/** In the order in which the nexuses registered. */
export type Registrations = ReadonlyMap<NexusId, Registration>;

/** Its scope is always the logical unit. */
export interface Reservation {
  readonly type: ReservationType;
  /** A registered nexus; undefined for the all-registrants types, which every registrant holds. */
  readonly holder: NexusId | undefined;
}

export interface ReservationState {
  /** PRGENERATION, a 32-bit counter that wraps. */
  readonly generation: number;
  /** Whether registrations and reservation outlive a power cycle: APTPL of the last registration. */
  readonly aptpl: boolean;
  readonly registrations: Registrations;
  /** Never there without a registration. */
  readonly reservation: Reservation | undefined;
  /** Who holds RESERVE(6); never there together with a registration. */
  readonly legacyHolder: NexusId | undefined;
}

export const noRegistrations: Registrations = new Map<NexusId, Registration>();

export const initialState: ReservationState = {
  generation: 0,
  aptpl: false,
  registrations: noRegistrations,
  reservation: undefined,
  legacyHolder: undefined,
};

export function isHolder(state: ReservationState, nexusId: NexusId): boolean {
  const { reservation, registrations } = state;
  if (reservation === undefined) return false;
  return heldByAllRegistrants(reservation.type)
    ? registrations.has(nexusId)
    : reservation.holder === nexusId;
}

/** SPC-4 §6.16.3: RESERVATION KEY must be the nexus' own, whatever the service action. */
export function isRegisteredWith(
  state: ReservationState,
  nexusId: NexusId,
  prkey: ReservationKey,
): boolean {
  return state.registrations.get(nexusId)?.key === prkey;
}

/** A reservation of `type` established by the registered nexus `nexusId`. */
export function reservationBy(nexusId: NexusId, type: ReservationType): Reservation {
  return { type, holder: heldByAllRegistrants(type) ? undefined : nexusId };
}

/** PRGENERATION after a service action that counts. */
export function counted(generation: number): number {
  return (generation + 1) >>> 0;
}

/** Removes registrations, and the reservation if nobody is left who holds it. */
export function withoutRegistrations(
  state: ReservationState,
  removed: readonly NexusId[],
): ReservationState {
  const registrations = new Map(state.registrations);
  for (const nexusId of removed) registrations.delete(nexusId);
  const { reservation } = state;
  const held =
    reservation?.holder === undefined
      ? registrations.size > 0
      : registrations.has(reservation.holder);
  return { ...state, registrations, reservation: held ? reservation : undefined };
}

/** A registration that is there already keeps its place. */
export function withRegistrations(
  registrations: Registrations,
  added: readonly Registration[],
): Registrations {
  const all = new Map(registrations);
  for (const registration of added) all.set(registration.nexus.id, registration);
  return all;
}
