/** Runs one goal on the paths: look, decide, send, look again, until there is an answer. */
import type { Clock } from '../pr/clock.js';
import type { Nexus } from '../pr/nexus.js';
import { busy, checkCondition, type PrOutcome } from '../pr/outcome.js';
import type { ReservationKey } from '../pr/reservation.js';
import { internalTargetFailure, invalidFieldInCdb, logicalUnitTimeOut } from '../pr/sense.js';
import { leftBehind } from './changing-key.js';
import type { GateKeeper } from './gate-keeper.js';
import type { Ledger, Reach } from './ledger.js';
import { type Look, lookAround } from './look.js';
import type { PathId } from './own-nexuses.js';
import type { PathAccess, SentResult } from './path-access.js';
import { type Goal, nextMove } from './plan.js';
import { registrationStands } from './registering.js';
import { stillUnconfirmed } from './repair.js';
import type { Situation } from './situation.js';
import type { Attempt, Move, Progress, Send, StepResult } from './step.js';
import type { UnsettledCommand, UnsettledCommands } from './unsettled-commands.js';

/** For data that passes no gate of ours (fencing rule 20). */
const refused = checkCondition(invalidFieldInCdb);

/** Steps of one goal; every plan ends by itself long before. */
const stepsMax = 64;

export interface RunContext {
  readonly guest: Nexus;
  readonly access: PathAccess;
  readonly gate: GateKeeper;
  readonly ledger: Ledger;
  readonly unsettled: UnsettledCommands;
  readonly clock: Clock;
  /** Never two REGISTERs at a time. */
  readonly sequential: boolean;
  /** Told when an unsettled command has settled. */
  readonly onSettled: () => void;
  /** Told why the journal could not be written. */
  readonly onStoreFailure: (error: unknown) => void;
}

export interface RunEnd {
  readonly outcome: PrOutcome;
  /** From the last look; undefined if that failed, and then nothing is known. */
  readonly situation: Situation | undefined;
  /** As of the last look. */
  readonly unsettled: ReadonlySet<PathId>;
  readonly progress: Progress;
}

export class Run {
  readonly #goal: Goal;
  readonly #context: RunContext;
  readonly #deadline: number;
  #look: Look;
  #progress: Progress;

  /** @param deadline on the context's clock, milliseconds */
  constructor(
    goal: Goal,
    start: Look,
    guest: { key: ReservationKey; aptpl: boolean },
    context: RunContext,
    deadline: number,
  ) {
    this.#goal = goal;
    this.#look = start;
    this.#context = context;
    this.#deadline = deadline;
    this.#progress = { ...guest, before: start.view, attempts: [] };
  }

  /** To be called once. */
  async toEnd(): Promise<RunEnd> {
    for (let steps = 0; steps < stepsMax; steps++) {
      const situation = this.#situation();
      const move = nextMove(this.#goal, this.#context.guest.id, situation, this.#progress);
      if (move.kind === 'answer') return this.#end(move.outcome, situation);
      const failed = await this.#prepare(move);
      if (failed !== undefined) return this.#end(failed, situation);

      const attempts = await this.#send(move.sends);
      if (!(await this.#lookAgain(attempts))) {
        return this.#end(checkCondition(logicalUnitTimeOut), undefined);
      }
      if (attempts.some(({ result }) => result.kind === 'unsettled')) break;
    }
    return this.#end(checkCondition(logicalUnitTimeOut), this.#situation());
  }

  /** @returns the answer if the step can't be done */
  async #prepare(move: Move & { kind: 'send' }): Promise<PrOutcome | undefined> {
    const { gate, ledger, clock, onStoreFailure } = this.#context;
    const half = Math.max(0, (this.#deadline - clock.now()) / 2);
    const prepared = await gate.prepare(move.data, half);
    if (prepared === 'busy') return move.orElse;
    if (prepared === 'refused') return move.orElse === busy ? refused : move.orElse;
    // A process after this one must not take the epoch before for the one of this registration.
    if (move.data === 'new-epoch') ledger.intendEpoch(gate.epoch);
    const takeBack = ledger.expect(move.sends, new Set([this.#progress.key, this.#targetKey]));
    try {
      await ledger.save();
      return undefined;
    } catch (error) {
      takeBack();
      onStoreFailure(error);
      return checkCondition(internalTargetFailure);
    }
  }

  /**
   * GOOD shows that until then neither key had been preempted by somebody else: the path had the
   * one, and there was a registration of the other, which nobody but us had.
   */
  #endsChange({ command, result }: Attempt): boolean {
    const { intent } = this.#context.ledger;
    return (
      result.kind === 'good' &&
      command.action === 'preempt' &&
      command.prkey === intent?.key &&
      command.serviceActionKey === intent.otherKey
    );
  }

  /** What is unsettled is waited for until the deadline. */
  async #send(sends: readonly Send[]): Promise<Attempt[]> {
    const sent = await this.#context.access.send(sends, this.#deadline);
    const results = await Promise.all(sent.map((each) => this.#settledInTime(each)));
    const attempts = sent.map(({ send }, index) => ({
      ...send,
      result: results[index] ?? ({ kind: 'unknown' } as const),
    }));
    this.#progress = {
      ...this.#progress,
      attempts: [...this.#progress.attempts, ...attempts],
    };
    if (attempts.some((each) => this.#endsChange(each))) this.#context.ledger.keyIsCertain();
    return attempts;
  }

  async #settledInTime({ send, result, settled }: SentResult): Promise<StepResult> {
    if (settled === undefined) return result;
    const { unsettled, clock, onSettled } = this.#context;
    const command: UnsettledCommand = send;
    unsettled.add(command);
    const end = settled.then((late) => {
      unsettled.settled(command);
      onSettled();
      return late;
    });
    let cancel: (() => void) | undefined;
    const timedOut = new Promise<StepResult>((resolve) => {
      cancel = clock.after(Math.max(0, this.#deadline - clock.now()), () => {
        resolve(result);
      });
    });
    return Promise.race([end, timedOut]).finally(() => cancel?.());
  }

  async #lookAgain(attempts: readonly Attempt[]): Promise<boolean> {
    const { access, ledger, unsettled } = this.#context;
    const lost = attempts.filter(
      ({ result }) => result.kind === 'unavailable' || result.kind === 'unsettled',
    );
    const gone = new Set(lost.map(({ pathId }) => pathId));
    const usable = new Set([...this.#look.usable].filter((id) => !gone.has(id)));
    const now = await lookAround(access, unsettled, usable, this.#deadline);
    if (now === undefined) return false;
    ledger.learn(attempts, this.#look.view, now.view, (id) => access.initiatorOf(id));
    this.#look = now;
    const situation = this.#situation();
    const target = this.#targetKey;
    const { key } = this.#progress;
    const isFirst = this.#goal.kind === 'command' && key === 0n;
    const stands = isFirst && registrationStands(situation, this.#progress, target);
    const open = stillUnconfirmed(situation, target, now.unsettled, stands);
    const condemned = leftBehind(situation, this.#progress, { from: key, to: target });
    ledger.unconfirmed = new Set([...open, ...condemned]);
    return true;
  }

  /** The guest's key once the goal is reached. */
  get #targetKey(): ReservationKey {
    if (this.#goal.kind !== 'command') return this.#progress.key;
    const { command } = this.#goal;
    const registers =
      command.action === 'register' || command.action === 'register-and-ignore-existing-key';
    return registers ? command.serviceActionKey : this.#progress.key;
  }

  #situation(): Situation {
    const { access, ledger, sequential } = this.#context;
    return ledger.situation(this.#look.view, reachOf(access, this.#look.usable, sequential));
  }

  #end(outcome: PrOutcome, situation: Situation | undefined): RunEnd {
    return { outcome, situation, unsettled: this.#look.unsettled, progress: this.#progress };
  }
}

export function reachOf(
  access: PathAccess,
  usable: ReadonlySet<PathId>,
  sequential: boolean,
): Reach {
  return {
    paths: access.ids,
    usable,
    provable: access.limits?.fullStatus === true,
    sequential,
  };
}
