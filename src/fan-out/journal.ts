/** What of the fan-out outlives the process (fencing rule 18), and where that is kept. */
import type { PrOutCommand } from '../pr/command.js';
import type { ReservationKey } from '../pr/reservation.js';
import type { Sense } from '../pr/sense.js';
import type { ArrayView } from './array-view.js';
import type { Intent } from './intent.js';
import type { OwnNexuses, PathId } from './own-nexuses.js';

/**
 * The last command, as it stood before the first path was touched. It is kept when it is over: the
 * guest may not have had the answer when the process ended, and send it again.
 */
export interface PendingCommand {
  readonly command: PrOutCommand;
  /** The guest's key then; 0n: not registered. */
  readonly key: ReservationKey;
  /** Generation, keys and holder then. */
  readonly before: ArrayView;
  /** Where it may have been sent. */
  readonly paths: readonly PathId[];
  /** Nothing of it is under way any more. */
  readonly over: boolean;
}

export interface JournalEntry {
  readonly intent: Intent | undefined;
  readonly own: OwnNexuses;
  /** Keys of paths that are not proven. */
  readonly believed: ReadonlyMap<PathId, ReservationKey>;
  /** Paths whose registration has not been seen beside a witness. */
  readonly unconfirmed: ReadonlySet<PathId>;
  readonly pending: PendingCommand | undefined;
  /** The unit attention that the guest had last, or has yet to have. */
  readonly owed: Sense | undefined;
}

export interface JournalStore {
  /**
   * What was saved last; undefined if nothing ever was.
   * @throws if it can't be read whole: what a guest relies on is never dropped silently
   */
  load(): Promise<JournalEntry | undefined>;
  /**
   * Resolves when it is durable. While it runs, and after it failed, either this or what was there
   * before is.
   */
  save(entry: JournalEntry): Promise<void>;
}

export const emptyEntry: JournalEntry = {
  intent: undefined,
  own: new Map(),
  believed: new Map(),
  unconfirmed: new Set(),
  pending: undefined,
  owed: undefined,
};
