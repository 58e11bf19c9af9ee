import { type Clock, systemClock } from './clock.js';
import type { ReservationCommand } from './command.js';
import type { Nexus } from './nexus.js';
import { busy, checkCondition, type PrOutcome, taskSetFull } from './outcome.js';
import { internalTargetFailure, logicalUnitTimeOut } from './sense.js';
import { TurnQueue } from './turn-queue.js';

/** Carries out the commands that a coordinator hands it one at a time. */
export interface ReservationExecutor {
  /**
   * @param deadline on the coordinator's clock, milliseconds. A command that is answered later has
   * been reported as unsettled by then.
   */
  execute(nexus: Nexus, command: ReservationCommand, deadline: number): Promise<PrOutcome>;
}

/** For the commands of guests and other users who may stay for long. */
export const usualLimits = {
  /** A guest's own time-outs begin at 30 s. */
  timeoutMs: 5_000,
  /** Of all users of a logical unit together. */
  depth: 128,
};

export interface CoordinatorOptions {
  /** From a command's arrival to its answer, milliseconds. */
  timeoutMs: number;
  /** Commands that may wait; one more is answered TASK SET FULL. */
  depth: number;
  /** Told of what an executor must never do: throw. */
  onFault: (error: unknown) => void;
  /** The system's by default. */
  clock?: Clock;
}

/**
 * The one queue of a logical unit's reservations: what arrives runs in order of arrival and never
 * two at once, so PERSISTENT RESERVE IN shows nothing that is not settled. Every command is
 * answered by its deadline: BUSY if its turn had not come, else LOGICAL UNIT COMMUNICATION
 * TIME-OUT, and then the queue waits on until the executor is done with it.
 */
export class Coordinator {
  readonly #executor: ReservationExecutor;
  readonly #options: CoordinatorOptions;
  readonly #clock: Clock;
  readonly #turns: TurnQueue;

  constructor(executor: ReservationExecutor, options: CoordinatorOptions) {
    this.#executor = executor;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#turns = new TurnQueue(this.#clock);
  }

  /** Never rejects. */
  async execute(nexus: Nexus, command: ReservationCommand): Promise<PrOutcome> {
    const { timeoutMs, depth } = this.#options;
    if (this.#turns.length >= depth) return taskSetFull;

    const deadline = this.#clock.now() + timeoutMs;
    const endTurn = await this.#turns.turn(timeoutMs);
    if (endTurn === undefined) return busy;
    return firstOf(
      this.#settle(nexus, command, deadline).finally(endTurn),
      checkCondition(logicalUnitTimeOut),
      deadline,
      this.#clock,
    );
  }

  /**
   * Runs `action` between two commands, after those that wait, however long that takes.
   * @returns what it returns
   */
  async between<Value>(action: () => Value | Promise<Value>): Promise<Value> {
    const endTurn = await this.#turns.turn();
    try {
      return await action();
    } finally {
      endTurn?.();
    }
  }

  async #settle(nexus: Nexus, command: ReservationCommand, deadline: number): Promise<PrOutcome> {
    try {
      return await this.#executor.execute(nexus, command, deadline);
    } catch (error) {
      this.#options.onFault(error);
      return checkCondition(internalTargetFailure);
    }
  }
}

/** What `settled` resolves to, or `late` if that takes until after the deadline. */
async function firstOf(
  settled: Promise<PrOutcome>,
  late: PrOutcome,
  deadline: number,
  clock: Clock,
): Promise<PrOutcome> {
  let cancel: (() => void) | undefined;
  const timedOut = new Promise<PrOutcome>((resolve) => {
    cancel = clock.after(deadline - clock.now(), () => {
      resolve(late);
    });
  });
  const first = await Promise.race([settled, timedOut]);
  cancel?.();
  return first;
}
