/** What this host's paths are meant to be registered with: known before any path is touched. */
import type { ReservationKey, ReservationType } from '../pr/reservation.js';
import type { PathId } from './own-nexuses.js';

export interface Intent {
  /** Never 0n. */
  readonly key: ReservationKey;
  /**
   * What the array may have instead while a change of the key is not settled, and what a path out of
   * reach has after one that was cut short. While it is there, the guest's data waits.
   */
  readonly otherKey: ReservationKey | undefined;
  /** APTPL of the last registration (fencing rule 13). */
  readonly aptpl: boolean;
  /** Of the reservation that the guest holds. */
  readonly type: ReservationType | undefined;
  readonly holderPath: PathId | undefined;
  /** Of the guest's data: another registration has another one. 0 to 2^32-1 */
  readonly epoch: number;
}
