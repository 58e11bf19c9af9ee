import type { ReservationKey } from '../pr/reservation.js';
import type { Sense } from '../pr/sense.js';
import { explains, observedChange, type Standing } from './attentions.js';
import type { GateKeeper } from './gate-keeper.js';
import type { PendingCommand } from './journal.js';
import { leftovers } from './leftovers.js';
import { type Ledger, standingKey } from './ledger.js';
import { ownHolders, type Situation } from './situation.js';

/** What the guest has been told, what the array shows, and the intent that follows from both. */
export class GuestStanding {
  readonly #ledger: Ledger;
  readonly #gate: GateKeeper;
  #known: Standing;
  /** A command that ended unknown and was looked at since: what changes from then on is others' doing. */
  #seen: PendingCommand | undefined;

  constructor(ledger: Ledger, gate: GateKeeper) {
    this.#ledger = ledger;
    this.#gate = gate;
    const { intent, pending } = ledger;
    this.#known =
      pending?.over === false
        ? { key: pending.key, type: pending.before.type }
        : { key: intent?.key ?? 0n, type: intent?.type };
    gate.conflictsAreJudged = ledger.intent !== undefined;
  }

  /** @returns what the guest must hear of: a change that somebody else made */
  observe(situation: Situation, unsettled: boolean): Sense | undefined {
    const { intent, pending } = this.#ledger;
    const keys = [intent?.key, intent?.otherKey];
    const key = standingKey(situation, keys);
    const change = observedChange(this.#known, situation.view, key);
    this.#follow(situation, key, intent?.aptpl ?? false, keys, unsettled);
    const mayBeOwn = pending?.over === false && pending !== this.#seen;
    if (!unsettled) this.#seen = pending;
    const isOwn = mayBeOwn && change !== undefined && explains(pending, change);
    return isOwn ? undefined : this.#owe(change);
  }

  /**
   * After a command of the guest's own.
   * @param keys that the command can have left, each with its APTPL
   * @param expected the key that its answer implies; undefined: it implies nothing
   * @returns what came between
   */
  conclude(
    situation: Situation,
    keys: ReadonlyMap<ReservationKey, boolean>,
    expected: ReservationKey | undefined,
    unsettled: boolean,
  ): Sense | undefined {
    const key = standingKey(situation, [...keys.keys()]);
    const change =
      expected === undefined
        ? undefined
        : observedChange({ key: expected, type: undefined }, situation.view, key);
    const aptpl = keys.get(key) ?? false;
    this.#follow(situation, key, aptpl, [...keys.keys()], unsettled);
    return this.#owe(change);
  }

  /** Whoever ends before the guest has heard of it leaves it to the next process. */
  #owe(change: Sense | undefined): Sense | undefined {
    if (change !== undefined) this.#ledger.owed = change;
    return change;
  }

  #follow(
    situation: Situation,
    key: ReservationKey,
    aptpl: boolean,
    others: readonly (ReservationKey | undefined)[],
    unsettled: boolean,
  ): void {
    const { view } = situation;
    const left = new Set(leftovers(situation, key).map((each) => each.key));
    const holder = ownHolders(situation)[0];
    if (key === 0n) {
      if (this.#known.key !== 0n) this.#gate.beginEpoch();
      this.#ledger.intent = undefined;
    } else {
      this.#ledger.intent = {
        key,
        otherKey: others.find(
          (other) =>
            other !== undefined && other !== key && other !== 0n && (unsettled || left.has(other)),
        ),
        aptpl,
        type: holder === undefined ? undefined : view.type,
        holderPath: holder?.id,
        epoch: this.#gate.epoch,
      };
    }
    this.#known = { key, type: view.type };
    this.#gate.conflictsAreJudged = key !== 0n;
  }
}
