import type { PrOutCommand } from '../pr/command.js';
import type { ReservationKey } from '../pr/reservation.js';
import type { Sense } from '../pr/sense.js';
import type { TransportId } from '../pr/transport-id.js';
import type { ArrayView } from './array-view.js';
import { parted } from './handover.js';
import type { Intent } from './intent.js';
import {
  emptyEntry,
  type JournalEntry,
  type JournalStore,
  type PendingCommand,
} from './journal.js';
import { type OwnNexuses, type PathId, provenNexus, withoutForgotten } from './own-nexuses.js';
import { ownWith, type Situation, situationOf } from './situation.js';
import type { Attempt, Send } from './step.js';

export interface Reach {
  /** All paths, in the order in which they are to be tried. */
  paths: readonly PathId[];
  usable: ReadonlySet<PathId>;
  provable: boolean;
  sequential: boolean;
}

/** What is known of the own paths, kept durable where a crash must not lose it. */
export class Ledger {
  readonly #store: JournalStore;
  #entry: JournalEntry;
  #saved: JournalEntry;

  private constructor(store: JournalStore, entry: JournalEntry) {
    this.#store = store;
    this.#entry = entry;
    this.#saved = entry;
  }

  /** @throws what `store.load` throws */
  static async open(store: JournalStore): Promise<Ledger> {
    return new Ledger(store, (await store.load()) ?? emptyEntry);
  }

  get intent(): Intent | undefined {
    return this.#entry.intent;
  }

  set intent(intent: Intent | undefined) {
    this.#entry = { ...this.#entry, intent };
  }

  /** What a change of the key has left of the other one is gone. */
  keyIsCertain(): void {
    const { intent } = this.#entry;
    if (intent !== undefined) this.intent = { ...intent, otherKey: undefined };
  }

  /** The registration that is meant will be of that epoch. */
  intendEpoch(epoch: number): void {
    const { intent } = this.#entry;
    if (intent !== undefined) this.intent = { ...intent, epoch };
  }

  get pending(): PendingCommand | undefined {
    return this.#entry.pending;
  }

  set pending(pending: PendingCommand | undefined) {
    this.#entry = { ...this.#entry, pending };
  }

  get owed(): Sense | undefined {
    return this.#entry.owed;
  }

  set owed(owed: Sense | undefined) {
    if (owed !== this.#entry.owed) this.#entry = { ...this.#entry, owed };
  }

  /** Nothing of the pending command is under way any more. */
  commandIsOver(): void {
    const { pending } = this.#entry;
    if (pending?.over === false) this.pending = { ...pending, over: true };
  }

  /**
   * From now on the guest's registrations are another process's.
   * @returns what that one has to know
   * @throws what `store.save` throws, and nothing has changed then
   */
  async leave(): Promise<JournalEntry> {
    const entry = this.#entry;
    const { left, kept } = parted(entry);
    this.#entry = kept;
    try {
      await this.save();
    } catch (error) {
      this.#entry = entry;
      throw error;
    }
    return left;
  }

  get own(): OwnNexuses {
    return this.#entry.own;
  }

  get unconfirmed(): ReadonlySet<PathId> {
    return this.#entry.unconfirmed;
  }

  set unconfirmed(unconfirmed: ReadonlySet<PathId>) {
    this.#entry = { ...this.#entry, unconfirmed };
  }

  situation(view: ArrayView, reach: Reach): Situation {
    const { own, believed, unconfirmed } = this.#entry;
    return situationOf({ view, own, believed, unconfirmed, ...reach });
  }

  /**
   * Those that register a path anew must be judged after the next look.
   * @param keys the guest's, before and after the command that runs
   * @returns takes it back: nothing was sent
   */
  expect(sends: readonly Send[], keys: ReadonlySet<ReservationKey>): () => void {
    const before = this.#entry;
    const made = sends.filter(({ command }) => makesRegistration(command, keys));
    if (made.length === 0) return () => undefined;
    const { own, believed } = this.#entry;
    const unproven = made.filter(({ pathId }) => !own.has(pathId));
    this.#entry = {
      ...this.#entry,
      unconfirmed: new Set([...this.unconfirmed, ...made.map(({ pathId }) => pathId)]),
      // Sent is as good as taken, until the path or the array says otherwise.
      believed: new Map([...believed, ...unproven.map(keyGivenBy)]),
    };
    return () => {
      this.#entry = before;
    };
  }

  /**
   * Learns from a step and the looks before and after it whose nexus is whose.
   * @param initiatorOf what the host knows of a path's port
   */
  learn(
    attempts: readonly Attempt[],
    before: ArrayView,
    after: ArrayView,
    initiatorOf: (pathId: PathId) => TransportId | undefined,
  ): void {
    const own = new Map(this.#entry.own);
    const believed = new Map(this.#entry.believed);
    for (const attempt of attempts) {
      const { pathId, command, result } = attempt;
      if (command.action !== 'register' || own.has(pathId)) continue;
      const { prkey, serviceActionKey } = command;
      if (result.kind === 'conflict') believed.delete(pathId);
      else if (result.kind === 'unavailable') believed.set(pathId, prkey);
      else if (result.kind === 'good') believed.set(pathId, serviceActionKey);
      if (attempts.length > 1 || result.kind !== 'good') continue;
      const initiator = initiatorOf(pathId);
      const proven = provenNexus({ before, after, command, own: new Set(own.values()), initiator });
      if (proven !== undefined) own.set(pathId, proven);
    }
    for (const id of own.keys()) believed.delete(id);
    this.#entry = { ...this.#entry, own, believed };
  }

  forgetGone(view: ArrayView, present: readonly PathId[]): void {
    const here = new Set(present);
    const own = withoutForgotten(this.#entry.own, view, here);
    const believed = new Map([...this.#entry.believed].filter(([id]) => here.has(id)));
    this.#entry = { ...this.#entry, own, believed };
  }

  /** @throws what `store.save` throws */
  async save(): Promise<void> {
    if (this.#entry === this.#saved) return;
    const entry = this.#entry;
    await this.#store.save(entry);
    this.#saved = entry;
  }
}

/**
 * Whether the command can register a path that was not: a key of the guest's as RESERVATION KEY is
 * no longer there after a PREEMPT.
 */
function makesRegistration(command: PrOutCommand, keys: ReadonlySet<ReservationKey>): boolean {
  return (
    command.action === 'register' &&
    command.serviceActionKey !== 0n &&
    (command.prkey === 0n || !keys.has(command.prkey))
  );
}

function keyGivenBy({ pathId, command }: Send): [PathId, ReservationKey] {
  return [pathId, command.action === 'register' ? command.serviceActionKey : 0n];
}

/** The first of these keys that an own path has and that is not still to be judged; else 0n. */
export function standingKey(
  situation: Situation,
  keys: readonly (ReservationKey | undefined)[],
): ReservationKey {
  const found = keys.find(
    (key) =>
      key !== undefined && ownWith(situation, key).some(({ id }) => !situation.unconfirmed.has(id)),
  );
  return found ?? 0n;
}
