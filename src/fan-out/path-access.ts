import type { Clock } from '../pr/clock.js';
import type { PrInCommand } from '../pr/command.js';
import type { Path, PathSource, PathState } from '../pr/path.js';
import type { PathOutcome, PathTransport, TransportLimits } from '../pr/transport.js';
import type { TransportId } from '../pr/transport-id.js';
import { hostPathId, type PathId } from './own-nexuses.js';
import type { Send, StepResult } from './step.js';
import { isUnitAttention, questionsIdentity, stepResultOf } from './step-result.js';

/** A path is usable if it answers TEST UNIT READY within this (fencing rule 10). */
const probeTimeoutMs = 500;
/** An answer that is younger stands for TEST UNIT READY. */
const answerAgeMaxMs = 1_000;
/**
 * A path is known to lead to the logical unit for so long. A LUN that is mapped to another one may
 * never say so: the kernel and path checkers take its unit attentions up (fencing rules 11 and 16).
 */
const identityAgeMaxMs = 1_000;
/** For one PERSISTENT RESERVE OUT, as libmpathpersist has it. */
const stepTimeoutMs = 2_000;
/** For one PERSISTENT RESERVE IN while there is another path to ask. */
const readTimeoutMs = 500;
/** How often a path is asked whether it is back. */
const probeIntervalMs = 1_000;
/**
 * A nexus that is gone from this host for so long has no command left. What the target had not got
 * yet can't reach it: the connection is closed, a Fibre Channel frame lives 10 s at most (R_A_TOV).
 * What it had got is aborted (SAM-5 I_T nexus loss) or done: the latest that was seen to be executed
 * came 11 s after its call.
 */
const nexusGoneMs = 30_000;
/** Unit attentions that one command may meet in a row. */
const attentionsMax = 5;

interface PathRecord {
  readonly state: PathState;
  readonly transport: PathTransport;
  /** When it was known to lead to the logical unit, unless that was questioned since. */
  identifiedAt: number;
  /** That it leads elsewhere has been told. */
  toldOther: boolean;
  answeredAt: number;
}

export interface SentResult {
  readonly send: Send;
  readonly result: StepResult;
  /** Of an unsettled command: resolves when it can't be executed any more, with what it brought. */
  readonly settled: Promise<StepResult> | undefined;
}

export interface PathAccessOptions {
  source: PathSource;
  clock: Clock;
  log: (text: string) => void;
}

/** Commands to the paths of one logical unit, each under our own clock, none waiting for another. */
export class PathAccess {
  readonly #source: PathSource;
  readonly #clock: Clock;
  readonly #log: (text: string) => void;
  readonly #records = new Map<string, PathRecord>();
  readonly #wakeUps = new Set<() => void>();
  #most = 0;
  #limits: TransportLimits | undefined;
  #closed = false;

  constructor({ source, clock, log }: PathAccessOptions) {
    this.#source = source;
    this.#clock = clock;
    this.#log = log;
    this.refresh();
  }

  /** Of the transport that all paths share; undefined while there never was a path. */
  get limits(): TransportLimits | undefined {
    return this.#limits;
  }

  /** Whether this host has, or had, more than one nexus to the logical unit. */
  get severalNexuses(): boolean {
    return this.#limits?.hostWide !== true && this.#most > 1;
  }

  /** All paths, reachable or not, in the order in which they are to be tried. */
  get ids(): PathId[] {
    const ids = this.#source.paths().map(({ id }) => id);
    if (this.#limits?.hostWide !== true) return ids;
    return ids.length > 0 ? [hostPathId] : [];
  }

  /** Of these, those that the host takes for reachable, whether they answer or not. */
  get expected(): ReadonlySet<PathId> {
    const paths = this.#source.paths().filter(({ state }) => state !== 'down');
    if (this.#limits?.hostWide !== true) return new Set(paths.map(({ id }) => id));
    return new Set(paths.length > 0 ? [hostPathId] : []);
  }

  /** What the host itself knows of the path's port. */
  initiatorOf(pathId: PathId): TransportId | undefined {
    return this.#source.paths().find(({ id }) => id === pathId)?.initiator;
  }

  /** To be called when the source has changed. */
  refresh(): void {
    const paths = this.#source.paths();
    this.#most = Math.max(this.#most, paths.length);
    this.#limits ??= paths[0]?.transport.limits;
    const present = new Set(paths.map(({ id }) => id));
    for (const id of this.#records.keys()) if (!present.has(id)) this.#records.delete(id);
    for (const path of paths) this.#follow(path);
    for (const wakeUp of this.#wakeUps) wakeUp();
  }

  /**
   * Which paths answer now, and lead to the logical unit: asked all at once.
   * @param deadline on the clock, milliseconds
   */
  async usable(deadline: number): Promise<Set<PathId>> {
    for (const record of this.#records.values()) record.identifiedAt = -Infinity;
    const ids = this.ids;
    const ready = await Promise.all(ids.map((id) => this.#ready(id, deadline)));
    return new Set(ids.filter((_, index) => ready[index] !== undefined));
  }

  /** Sends each down its path, all at once, and waits until each has ended or timed out. */
  send(sends: readonly Send[], deadline: number): Promise<SentResult[]> {
    return Promise.all(sends.map((each) => this.#sendOne(each, deadline)));
  }

  /**
   * Asks one path after the other until one answers.
   * @returns undefined if none did by the deadline
   */
  async read(command: PrInCommand, deadline: number): Promise<PathOutcome | undefined> {
    const paths = this.#source.paths().filter(({ state }) => state !== 'down');
    for (const [index, path] of paths.entries()) {
      const isLast = index === paths.length - 1;
      if (!(await this.#isReady(path, deadline))) continue;
      const until = isLast ? deadline : this.#within(readTimeoutMs, deadline);
      for (let tries = 0; tries < attentionsMax; tries++) {
        const outcome = await this.#tracked(path, path.transport.execute(command, until));
        if (isUnitAttention(outcome)) continue;
        if (isAnswerToRead(outcome)) return outcome;
        break;
      }
    }
    return undefined;
  }

  /**
   * Resolves when no command can be executed any more that came back from that path without the
   * device's answer before the call: when as many later commands as `answers` says have ended there,
   * or enough time has passed where that proves nothing, when the path has been gone for long, or
   * after `close`.
   * @param pathId `hostPathId`: on any path
   */
  async settle(pathId: PathId, answers = 1): Promise<void> {
    let missing = answers;
    let present = this.#clock.now();
    while (!this.#closed && this.#clock.now() - present < nexusGoneMs) {
      const isIt = (path: Path) => path.id === pathId || pathId === hostPathId;
      const path = this.#source.paths().find(isIt);
      if (path?.lateExecutionMs !== undefined) return this.#elapsed(path.lateExecutionMs);
      if (path !== undefined) {
        present = this.#clock.now();
        const deadline = present + probeTimeoutMs;
        const outcome = await this.#tracked(path, path.transport.probe(deadline));
        if (outcome.kind === 'answered') missing -= 1;
        if (missing === 0) return;
        if (outcome.kind === 'answered') continue;
      }
      await this.#changeOrInterval();
    }
  }

  /** @param milliseconds may be Infinity: until `close` */
  async #elapsed(milliseconds: number): Promise<void> {
    const until = this.#clock.now() + milliseconds;
    while (!this.#closed && this.#clock.now() < until) await this.#changeOrInterval();
  }

  close(): void {
    this.#closed = true;
    for (const wakeUp of this.#wakeUps) wakeUp();
  }

  /** What is known of a path is forgotten when it changes. */
  #follow(path: Path): PathRecord {
    const { state, transport } = path;
    const record = this.#records.get(path.id);
    if (record?.state === state && record.transport === transport) return record;
    const fresh = {
      state,
      transport,
      identifiedAt: -Infinity,
      toldOther: false,
      answeredAt: -Infinity,
    };
    this.#records.set(path.id, fresh);
    return fresh;
  }

  async #ready(id: PathId, deadline: number): Promise<Path | undefined> {
    const paths = this.#source.paths().filter(({ state }) => state !== 'down');
    const candidates =
      this.#limits?.hostWide === true ? paths : paths.filter((path) => path.id === id);
    for (const path of candidates) if (await this.#isReady(path, deadline)) return path;
    return undefined;
  }

  async #isReady(path: Path, deadline: number): Promise<boolean> {
    const record = this.#follow(path);
    const until = this.#within(probeTimeoutMs, deadline);
    if (!(await this.#answers(path, record, until))) return false;
    const age = this.#clock.now() - record.identifiedAt;
    return age < identityAgeMaxMs || this.#identify(path, record, until);
  }

  async #answers(path: Path, record: PathRecord, until: number): Promise<boolean> {
    if (this.#clock.now() - record.answeredAt < answerAgeMaxMs) return true;
    for (let tries = 0; tries < attentionsMax; tries++) {
      const outcome = await this.#tracked(path, path.transport.probe(until));
      if (isUnitAttention(outcome)) continue;
      const result = stepResultOf(outcome).kind;
      return result === 'good' || result === 'conflict';
    }
    return false;
  }

  async #identify(path: Path, record: PathRecord, until: number): Promise<boolean> {
    const identity = await path.transport.identify(until);
    if (identity === 'other' && !record.toldOther) {
      record.toldOther = true;
      this.#log(`${path.transport.name} leads to another logical unit now: it is not used`);
    }
    if (identity !== 'same') return false;
    record.identifiedAt = this.#clock.now();
    record.toldOther = false;
    return true;
  }

  async #sendOne(send: Send, deadline: number): Promise<SentResult> {
    const path = await this.#ready(send.pathId, deadline);
    if (path === undefined) return { send, result: { kind: 'unavailable' }, settled: undefined };
    const until = this.#within(stepTimeoutMs, deadline);
    const outcome = await this.#tracked(path, path.transport.execute(send.command, until));
    const result = stepResultOf(outcome);
    const settled =
      outcome.kind === 'unsettled' ? this.#settled(path, outcome.returned) : undefined;
    return { send, result, settled };
  }

  async #settled(path: Path, returned: Promise<PathOutcome>): Promise<StepResult> {
    const outcome = await returned;
    // The device's own answer, or proof that nothing was sent, needs no further witness.
    if (outcome.kind !== 'unsettled') return stepResultOf(outcome);
    await this.settle(path.id);
    return { kind: 'unknown' };
  }

  async #tracked(path: Path, running: Promise<PathOutcome>): Promise<PathOutcome> {
    const outcome = await running;
    const record = this.#follow(path);
    record.answeredAt = outcome.kind === 'answered' ? this.#clock.now() : -Infinity;
    if (questionsIdentity(outcome)) record.identifiedAt = -Infinity;
    return outcome;
  }

  #within(milliseconds: number, deadline: number): number {
    return Math.min(deadline, this.#clock.now() + milliseconds);
  }

  #changeOrInterval(): Promise<void> {
    return new Promise((resolve) => {
      const wakeUp = () => {
        cancel();
        this.#wakeUps.delete(wakeUp);
        resolve();
      };
      const cancel = this.#clock.after(probeIntervalMs, wakeUp);
      this.#wakeUps.add(wakeUp);
    });
  }
}

/** The device said what it has, or that it does not know the service action. */
function isAnswerToRead(outcome: PathOutcome): boolean {
  if (outcome.kind !== 'answered') return false;
  const { outcome: answered } = outcome;
  if (answered.status === 'check-condition') {
    return stepResultOf(outcome).kind === 'refused';
  }
  return answered.status === 'good' || answered.status === 'reservation-conflict';
}
