/** What a real device on several paths can't carry, and the sense that says so. Pure. */
import { offeredPrActions, type ReservationCommand } from '../pr/command.js';
import { admitsRegistrants, reservationTypes, type ReservationType } from '../pr/reservation.js';
import { invalidFieldInCdb, invalidFieldInParameterList, type Sense } from '../pr/sense.js';
import type { TransportLimits } from '../pr/transport.js';

/** What this host's paths can carry together. */
export interface Carriage {
  readonly limits: TransportLimits;
  /** More than one I_T nexus of this host leads to the logical unit. */
  readonly severalNexuses: boolean;
}

/**
 * What a logical unit behind the fan-out carries out: not RESERVE(6) and RELEASE(6), which bind one
 * path (fencing rule 15).
 */
export const deviceActions: ReadonlySet<ReservationCommand['action']> = new Set(offeredPrActions);

/** @returns undefined if the paths can carry it */
export function refusalOf(command: ReservationCommand, carriage: Carriage): Sense | undefined {
  const { limits, severalNexuses } = carriage;
  switch (command.action) {
    case 'register':
    case 'register-and-ignore-existing-key':
      // SIP_C = ATP_C = 0.
      return command.allTgPt || (command.action === 'register' && command.specIPt !== undefined)
        ? invalidFieldInParameterList
        : undefined;
    case 'reserve':
    case 'preempt':
    case 'preempt-and-abort':
      return command.type !== undefined && !carriedTypes(severalNexuses).includes(command.type)
        ? invalidFieldInCdb
        : undefined;
    case 'register-and-move':
      return limits.registerAndMove ? undefined : invalidFieldInCdb;
    case 'read-full-status':
      return limits.fullStatus ? undefined : invalidFieldInCdb;
    case 'replace-lost-reservation':
    case 'reserve-6':
    case 'release-6':
      return invalidFieldInCdb;
    case 'read-keys':
    case 'read-reservation':
    case 'report-capabilities':
    case 'release':
    case 'clear':
      return undefined;
  }
}

/** WRITE EXCLUSIVE and EXCLUSIVE ACCESS shut out a host's other paths (fencing rule 14). */
export function carriedTypes(severalNexuses: boolean): readonly ReservationType[] {
  return severalNexuses ? reservationTypes.filter(admitsRegistrants) : reservationTypes;
}
