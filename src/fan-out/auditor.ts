import { leftBehind } from './changing-key.js';
import { ConflictVerdict } from './conflict-verdict.js';
import type { GuestStanding } from './guest-standing.js';
import type { MachineOptions } from './machine-options.js';
import { lacking, stillUnconfirmed, witnesses } from './repair.js';
import { type Look, lookAround } from './look.js';
import { reachOf, Run } from './run.js';
import type { PathId } from './own-nexuses.js';
import { isForeign, type Situation } from './situation.js';

/** For one audit, from its turn, milliseconds. */
const auditTimeoutMs = 5_000;

/** Looks at the array between commands: disarms, repairs, judges, and opens the gate. */
export class Auditor {
  readonly #options: MachineOptions;
  readonly #standing: GuestStanding;
  readonly #verdict = new ConflictVerdict();
  #verified: boolean;
  #noticed: string | undefined;
  #obstacle: string | undefined;

  constructor(options: MachineOptions, standing: GuestStanding) {
    const { ledger } = options;
    this.#options = options;
    this.#standing = standing;
    this.#verified =
      ledger.intent === undefined &&
      ledger.pending?.over !== false &&
      ledger.unconfirmed.size === 0;
  }

  /** Whether what the journal says is known to be true. */
  get verified(): boolean {
    return this.#verified;
  }

  /** Whether nothing may be changed now. */
  get isObstructed(): boolean {
    return this.#obstacle !== undefined;
  }

  /**
   * Whether it is not certain which key the guest has, or a path that data can go through has a
   * registration that is still to be judged.
   */
  get mustJudge(): boolean {
    const { access, ledger } = this.#options;
    return (
      ledger.intent?.otherKey !== undefined || access.ids.some((id) => ledger.unconfirmed.has(id))
    );
  }

  conflicted(): void {
    this.#verdict.arises();
    this.#options.gate.close();
    this.#options.requestAudit('now');
  }

  /** @param situation that the command left; undefined: nobody knows */
  afterCommand(situation: Situation | undefined): void {
    const { requestAudit, unsettled } = this.#options;
    if (situation === undefined) this.#verified = false;
    this.#openGate();
    if (unsettled.pending || this.mustJudge) requestAudit('now');
    else if (
      situation === undefined ||
      this.#isRepairable(situation) ||
      this.#mayAnswerAgain(situation)
    ) {
      requestAudit('later');
    }
  }

  /** @param obstacle what stands against it, see `DeviceReservationsOptions.obstacle` */
  async audit(obstacle: string | undefined): Promise<void> {
    const { clock, ledger, requestAudit, unsettled } = this.#options;
    this.#meet(obstacle);
    if (obstacle !== undefined) {
      this.#openGate();
      requestAudit('later');
      return;
    }
    const idle = ledger.intent === undefined && ledger.unconfirmed.size === 0 && !unsettled.pending;
    if (idle && this.#verified) {
      this.#judge(undefined, false);
      this.#openGate();
      return;
    }
    const done = await this.#auditUntil(clock.now() + auditTimeoutMs);
    await this.#save();
    if (!done) requestAudit('later');
  }

  /** @returns whether there is nothing left that another try could do */
  async #auditUntil(deadline: number): Promise<boolean> {
    const { ledger, unitAttentions } = this.#options;
    const start = await this.#look(deadline);
    if (start === undefined) return false;
    const armless = await this.#disarm(start, deadline);
    if (armless === undefined) return false;
    const situation = this.#confirm(this.#situation(armless), armless.unsettled);
    const change = this.#standing.observe(situation, armless.unsettled.size > 0);
    if (change !== undefined) unitAttentions.establish(change);

    const run = new Run(
      { kind: 'repair', otherKey: ledger.intent?.otherKey },
      armless,
      { key: ledger.intent?.key ?? 0n, aptpl: ledger.intent?.aptpl ?? false },
      this.#options,
      deadline,
    );
    const end = await run.toEnd();
    if (end.situation === undefined) return false;
    const last = this.#confirm(end.situation, end.unsettled);
    const later = this.#standing.observe(last, end.unsettled.size > 0);
    if (later !== undefined) unitAttentions.establish(later);
    if (end.unsettled.size > 0) {
      this.#openGate();
      return false;
    }
    ledger.commandIsOver();
    this.#verified = true;
    const repaired = end.progress.attempts.length > 0;
    const waits = this.#isRepairable(end.situation) && !repaired;
    if (!waits) this.#judge(ledger.intent && end.situation, repaired);
    this.#openGate();
    this.#notice(end.situation);
    return !waits && !this.mustJudge && !this.#mayAnswerAgain(end.situation);
  }

  async #look(deadline: number): Promise<Look | undefined> {
    const { access, ledger, unsettled } = this.#options;
    const usable = await access.usable(deadline);
    const found = await lookAround(access, unsettled, usable, deadline);
    if (found !== undefined) ledger.forgetGone(found.view, access.ids);
    return found;
  }

  /** @returns the situation after it; undefined if that can't be seen */
  async #disarm(start: Look, deadline: number): Promise<Look | undefined> {
    const { ledger, unsettled } = this.#options;
    if (start.unsettled.size === 0) return start;
    unsettled.dropDisarmed(this.#situation(start));
    for (const command of unsettled.all) {
      const end = await new Run(
        { kind: 'disarm', unsettled: command },
        start,
        { key: ledger.intent?.key ?? 0n, aptpl: ledger.intent?.aptpl ?? false },
        this.#options,
        deadline,
      ).toEnd();
      if (end.situation === undefined) return undefined;
      unsettled.dropDisarmed(end.situation);
    }
    return this.#look(deadline);
  }

  /** Judges what was registered and not yet seen beside a witness. */
  #confirm(situation: Situation, unsettled: ReadonlySet<PathId>): Situation {
    const { ledger } = this.#options;
    const key = ledger.intent?.key ?? 0n;
    const open = stillUnconfirmed(situation, key, unsettled, false);
    const unconfirmed = new Set([...open, ...this.#halfPreempted(situation)]);
    ledger.unconfirmed = unconfirmed;
    return { ...situation, unconfirmed };
  }

  /** Paths with either key of a change that was cut short, if one of the keys was preempted since. */
  #halfPreempted(situation: Situation): PathId[] {
    const { intent, pending } = this.#options.ledger;
    if (intent?.otherKey === undefined || pending === undefined) return [];
    const keys = { from: pending.key, to: intent.otherKey };
    if (keys.from === keys.to) keys.to = intent.key;
    return leftBehind(situation, { before: pending.before, attempts: [] }, keys);
  }

  /** Each obstacle is told of once, and its end. */
  #meet(obstacle: string | undefined): void {
    if (obstacle === this.#obstacle) return;
    this.#obstacle = obstacle;
    this.#options.log(
      obstacle === undefined
        ? 'nothing stands against the reservations any more'
        : `the guest's data and its reservation commands wait, since ${obstacle}`,
    );
  }

  /** Each trouble is told of once. */
  #notice(situation: Situation): void {
    const trouble = this.#trouble(situation);
    if (trouble !== undefined && trouble !== this.#noticed) this.#options.log(trouble);
    this.#noticed = trouble;
  }

  #trouble(situation: Situation): string | undefined {
    const { intent } = this.#options.ledger;
    if (intent === undefined) return undefined;
    if (intent.otherKey !== undefined) {
      return "the guest's data waits: a path out of reach has another key since a change of the key was cut short";
    }
    return isForeign(situation, intent.key) && lacking(situation, intent.key).length > 0
      ? "paths without the guest's key are not registered: another host has it, too, or a path that is gone before it was known"
      : undefined;
  }

  #judge(situation: Situation | undefined, repaired: boolean): void {
    if (!this.#verdict.waiting) return;
    if (this.#verdict.judge(situation, repaired) === 'conflict') {
      if (situation !== undefined) {
        this.#options.log('the guest is registered, and yet its data meets a conflict');
      }
      this.#options.gate.beginEpoch();
    }
  }

  #openGate(): void {
    const { gate, requestAudit, unsettled } = this.#options;
    const mustHold =
      !this.#verified ||
      this.#verdict.waiting ||
      this.mustJudge ||
      unsettled.mayRevive ||
      (this.isObstructed && this.#wasRegistered);
    if (!mustHold) gate.open();
    else {
      if (!gate.closed) gate.close();
      requestAudit('later');
    }
  }

  /** The guest of a host that never registered can't be revived. */
  get #wasRegistered(): boolean {
    const { ledger } = this.#options;
    return ledger.intent !== undefined || ledger.own.size > 0;
  }

  /** Whether a path lacks the key that a repair could give it. */
  #isRepairable(situation: Situation): boolean {
    const key = this.#options.ledger.intent?.key;
    if (key === undefined || isForeign(situation, key)) return false;
    return witnesses(situation, key).length > 0 && lacking(situation, key).length > 0;
  }

  /**
   * Whether a path that the host takes for reachable does not answer and lacks the guest's key: if it
   * was away for a moment only, nobody tells when it is back.
   */
  #mayAnswerAgain(situation: Situation): boolean {
    const key = this.#options.ledger.intent?.key;
    if (key === undefined || isForeign(situation, key)) return false;
    const { expected } = this.#options.access;
    return situation.paths.some(
      (path) => !path.usable && expected.has(path.id) && path.key !== key,
    );
  }

  #situation({ view, usable }: Look): Situation {
    const { access, ledger, sequential } = this.#options;
    return ledger.situation(view, reachOf(access, usable, sequential));
  }

  async #save(): Promise<void> {
    try {
      await this.#options.ledger.save();
    } catch (error) {
      this.#options.onStoreFailure(error);
    }
  }
}
