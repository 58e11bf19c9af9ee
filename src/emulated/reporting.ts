/** The answers of PERSISTENT RESERVE IN (SPC-4 §6.15). */
import type { PrInCommand } from '../pr/command.js';
import type {
  FullStatusDescriptor,
  PrCapabilities,
  PrInData,
  ReservationDescriptor,
} from '../pr/outcome.js';
import { reservationTypes } from '../pr/reservation.js';
import { isHolder, type Registration, type ReservationState } from './reservation-state.js';

export function report(state: ReservationState, { action }: PrInCommand): PrInData {
  const { generation } = state;
  switch (action) {
    case 'read-keys':
      return { action, generation, keys: registered(state).map(({ key }) => key) };
    case 'read-reservation':
      return { action, generation, reservation: reservationOf(state) };
    case 'report-capabilities':
      return { action, capabilities: capabilitiesOf(state) };
    case 'read-full-status':
      return {
        action,
        generation,
        registrations: registered(state).map((registration) => statusOf(state, registration)),
      };
  }
}

function registered(state: ReservationState): Registration[] {
  return [...state.registrations.values()];
}

function reservationOf(state: ReservationState): ReservationDescriptor | undefined {
  const { reservation, registrations } = state;
  if (reservation === undefined) return undefined;
  const { type, holder } = reservation;
  const key = holder === undefined ? undefined : registrations.get(holder)?.key;
  return { key: key ?? 0n, scope: 'logical-unit', type };
}

function statusOf(
  state: ReservationState,
  { nexus, key, allTgPt }: Registration,
): FullStatusDescriptor {
  const reservation =
    state.reservation !== undefined && isHolder(state, nexus.id)
      ? { scope: 'logical-unit' as const, type: state.reservation.type }
      : undefined;
  return { key, nexus, allTgPt, reservation };
}

// 100b: everything of SPC-4 table 208 is let through. That is what table 65 says since SPC-4.
const allowAllOfTable208 = 4;

function capabilitiesOf({ aptpl }: ReservationState): PrCapabilities {
  return {
    replaceLostReservation: false,
    compatibleReservationHandling: true,
    specIPt: true,
    allTgPt: true,
    persistThroughPowerLoss: true,
    persistThroughPowerLossActive: aptpl,
    allowCommands: allowAllOfTable208,
    types: reservationTypes,
  };
}
