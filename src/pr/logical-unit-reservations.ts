import type { CommandAccess } from './access.js';
import type { PrOutCommand, ReservationCommand } from './command.js';
import type { Nexus } from './nexus.js';
import type { PrOutcome } from './outcome.js';
import type { UnitAttentions } from './unit-attention.js';

/** The reservations of one logical unit, as its SCSI commands use them. */
export interface LogicalUnitReservations {
  /** Runs PERSISTENT RESERVE IN or OUT, RESERVE(6) or RELEASE(6) after all earlier ones; never rejects. */
  execute(nexus: Nexus, command: ReservationCommand): Promise<PrOutcome>;
  /**
   * The answer to a command that a process before took and has not answered: whether it was carried
   * out is to be seen, and it may not be carried out twice.
   * @returns undefined if it is to be run like a new one
   */
  leftOver(nexus: Nexus, command: PrOutCommand): PrOutcome | undefined;
  /**
   * Finds out what others have changed, where that does not show by itself: the guest is owed a unit
   * attention then. Never rejects.
   */
  refresh(): Promise<void>;
  /** False: answer RESERVATION CONFLICT. Always true for 'reservation-command'. */
  permits(nexus: Nexus, access: CommandAccess): boolean;
  /** The one queue of this nexus, for conditions of every origin. */
  unitAttentions(nexus: Nexus): UnitAttentions;
}
