import { setTimeout as delay } from 'node:timers/promises';
import type { JournalEntry } from '../fan-out/journal.js';
import type { ReservationCommand } from '../pr/command.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus } from '../pr/nexus.js';
import { busy, type PrOutcome } from '../pr/outcome.js';
import { UnitAttentions } from '../pr/unit-attention.js';
import { aborted } from '../util/aborted.js';
import { Deferred } from '../util/deferred.js';
import { decodeDeparture, encodeDeparture } from './departure.js';
import type { HostUnit } from './host-unit.js';

/** Between two tries to go on where nobody else has gone on, milliseconds. */
const retryMs = 1_000;

export interface MovableUnitOptions {
  /**
   * Opens it here.
   * @param left by the process before
   */
  readonly open: (attentions: UnitAttentions, left?: JournalEntry) => Promise<HostUnit>;
  /** Told whether the guest is owed a unit attention. */
  readonly onAttention: (pending: boolean) => void;
  /** Told what keeps it from going on here. */
  readonly onTrouble: (error: unknown) => void;
}

/**
 * The reservations of a logical unit for a guest that goes on in other processes, of this host or of
 * another one. Where the guest is not, nothing of the logical unit is looked at or locked, and its
 * commands are BUSY. What a process needs to go on is a text that the one before has left.
 */
export class MovableUnit implements LogicalUnitReservations {
  readonly #options: MovableUnitOptions;
  readonly #attentions: UnitAttentions;
  #unit: HostUnit | undefined;
  /** What the guest goes on with here, once it is there. */
  #departure = new Deferred<string>();
  #isDelivered = false;
  /** What was left here last. */
  #left = new Deferred<string>();
  /** The end of the last departure, whatever became of it. */
  #leaving: Promise<unknown> = Promise.resolve();

  private constructor(options: MovableUnitOptions) {
    this.#options = options;
    this.#attentions = new UnitAttentions(options.onAttention);
  }

  /** @throws what `open` throws */
  static async here(options: MovableUnitOptions): Promise<MovableUnit> {
    const movable = new MovableUnit(options);
    movable.#unit = await options.open(movable.#attentions);
    return movable;
  }

  static elsewhere(options: MovableUnitOptions): MovableUnit {
    return new MovableUnit(options);
  }

  execute(nexus: Nexus, command: ReservationCommand): Promise<PrOutcome> {
    return this.#unit?.reservations.execute(nexus, command) ?? Promise.resolve(busy);
  }

  /** The journal knows the last command. */
  leftOver(): undefined {
    return undefined;
  }

  async refresh(): Promise<void> {
    await this.#unit?.reservations.refresh();
  }

  /** The device judges. */
  permits(): boolean {
    return true;
  }

  unitAttentions(): UnitAttentions {
    return this.#attentions;
  }

  /**
   * The guest goes on elsewhere; nothing of its data may be in flight.
   * @returns what the next process needs
   * @throws Error if that can't be now, and nothing has changed
   */
  leave(): Promise<string> {
    const left = this.#leave();
    this.#leaving = left.catch(() => undefined);
    return left;
  }

  async #leave(): Promise<string> {
    const unit = this.#unit;
    if (unit === undefined) throw new Error('the guest is not here');
    this.#unit = undefined;
    try {
      const journal = await unit.leave();
      const text = encodeDeparture({ journal, attentions: this.#attentions.conditions });
      this.#deliver(text);
      this.#left.resolve(text);
      return text;
    } catch (error) {
      this.#unit = unit;
      throw error;
    }
  }

  /** What was left here last; waits for it. */
  get left(): Promise<string> {
    return this.#left.promise;
  }

  /** Whether it could go on here at once. */
  get isDelivered(): boolean {
    return this.#isDelivered;
  }

  /** The guest is about to come from another process: what was left here is not what it goes on with. */
  expect(): void {
    // Nothing to forget, and somebody may be waiting for it.
    if (!this.#isDelivered) return;
    this.#departure = new Deferred();
    this.#isDelivered = false;
  }

  /**
   * What the guest goes on with here.
   * @throws Error if it can't be understood
   */
  deliver(text: string): void {
    decodeDeparture(text);
    this.#deliver(text);
  }

  #deliver(text: string): void {
    // An earlier one may have been delivered and not used.
    this.expect();
    this.#departure.resolve(text);
    this.#isDelivered = true;
  }

  /**
   * The guest goes on here: with what was delivered, and waits for that; or with what was left here
   * last, if nothing else was announced since.
   * @returns false if `stop` was aborted while that was awaited
   * @throws what `open` throws, and nothing has changed
   */
  async goOn(stop: AbortSignal): Promise<boolean> {
    const text = await Promise.race([this.#departure.promise, aborted(stop)]);
    if (text === undefined) return false;
    await this.inherit(text);
    return true;
  }

  /**
   * The guest goes on here with this.
   * @throws Error if it can't be understood, and what `open` throws
   */
  async inherit(text: string): Promise<void> {
    const { journal, attentions } = decodeDeparture(text);
    this.#attentions.replace(attentions);
    this.#unit = await this.#options.open(this.#attentions, journal);
    this.#left = new Deferred();
  }

  /** The process that the guest was left to does not go on: it goes on here, as soon as that can be. */
  async keep(): Promise<void> {
    await this.#leaving;
    while (this.#unit === undefined) {
      try {
        await this.inherit(await this.#departure.promise);
      } catch (error) {
        this.#options.onTrouble(error);
        await delay(retryMs);
      }
    }
  }

  /** The registrations stay. */
  async close(): Promise<void> {
    await this.#leaving;
    await this.#unit?.close();
  }
}
