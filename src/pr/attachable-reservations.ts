import type { LogicalUnitReservations } from './logical-unit-reservations.js';
import type { Nexus } from './nexus.js';

/** Reservations of a logical unit whose nexuses come and go with guests. */
export interface AttachableReservations extends LogicalUnitReservations {
  /**
   * To be called before the nexus' first request can pass its fence.
   * @throws if it is attached already
   */
  attach(nexus: Nexus): void;
  /**
   * To be called when nothing of the nexus is in flight any more. Its registration stays.
   * Resolves when a RESERVE(6) of it has ended.
   */
  detach(nexus: Nexus): Promise<void>;
  /** I_T nexus loss (SPC-2 §5.5.1): ends a RESERVE(6) of this nexus, and nothing else. */
  nexusLost(nexus: Nexus): Promise<void>;
  /** LOGICAL UNIT RESET (SPC-2 §5.5.1): ends any RESERVE(6), and nothing else. */
  logicalUnitReset(): Promise<void>;
}
