/** Who may do what while a reservation is in force (SPC-4 table 65, SBC-3 table 13). */
import type { CommandAccess, MediumAccess } from '../pr/access.js';
import type { NexusId } from '../pr/nexus.js';
import { admitsRegistrants, excludesReads } from '../pr/reservation.js';
import { isHolder, type ReservationState } from './reservation-state.js';

/** What the reservations leave to a nexus: all that the native fence has to know. */
export function mediumAccess(state: ReservationState, nexusId: NexusId): MediumAccess {
  const { legacyHolder, reservation, registrations } = state;
  if (legacyHolder !== undefined) {
    const own = legacyHolder === nexusId;
    return { reads: own, writes: own };
  }
  if (reservation === undefined || isHolder(state, nexusId)) return { reads: true, writes: true };
  if (admitsRegistrants(reservation.type) && registrations.has(nexusId)) {
    return { reads: true, writes: true };
  }
  return { reads: !excludesReads(reservation.type), writes: false };
}

/** False: RESERVATION CONFLICT. */
export function permits({ reads, writes }: MediumAccess, access: CommandAccess): boolean {
  switch (access) {
    case 'never-conflicts':
    case 'reservation-command':
      return true;
    case 'reads':
      return reads;
    case 'writes':
      return writes;
  }
}
