import { isDeepStrictEqual } from 'node:util';
import { isPrIn, type PrOutCommand, type ReservationCommand } from '../pr/command.js';
import type { ReservationExecutor } from '../pr/coordinator.js';
import type { Nexus } from '../pr/nexus.js';
import { busy, checkCondition, good, type PrOutcome } from '../pr/outcome.js';
import type { ReservationKey } from '../pr/reservation.js';
import {
  internalTargetFailure,
  invalidFieldInCdb,
  logicalUnitTimeOut,
  type Sense,
} from '../pr/sense.js';
import { Auditor } from './auditor.js';
import { explains } from './attentions.js';
import { GuestStanding } from './guest-standing.js';
import type { Intent } from './intent.js';
import type { JournalEntry, PendingCommand } from './journal.js';
import type { MachineOptions } from './machine-options.js';
import { namesOwnPaths } from './preempting.js';
import { effectIsThere } from './read-back.js';
import { type Carriage, refusalOf } from './refusals.js';
import { report } from './reporter.js';
import { type Look, lookAround } from './look.js';
import { reachOf, Run, type RunEnd } from './run.js';
import type { Situation } from './situation.js';
import type { Attempt, Progress } from './step.js';

/**
 * The reservations of one guest on one real logical unit: takes one command after the other from
 * its coordinator, and an audit between them when a path, a conflict or the end of an unsettled
 * command calls for it.
 */
export class DeviceMachine implements ReservationExecutor {
  readonly #options: MachineOptions;
  readonly #standing: GuestStanding;
  readonly #auditor: Auditor;
  /** The last command of the process before, until this one gets its first. */
  #interrupted: PendingCommand | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#standing = new GuestStanding(options.ledger, options.gate);
    this.#auditor = new Auditor(options, this.#standing);
    this.#interrupted = options.ledger.pending;
  }

  async execute(_: Nexus, command: ReservationCommand, deadline: number): Promise<PrOutcome> {
    const carriage = this.#carriage;
    if (carriage === undefined) return busy;
    const sense = refusalOf(command, carriage);
    if (sense !== undefined) return checkCondition(sense);
    if (isPrIn(command)) return this.#report(command.action, carriage, deadline);
    // Refused above: RESERVE(6) binds one nexus.
    if (command.action === 'reserve-6' || command.action === 'release-6') {
      return checkCondition(invalidFieldInCdb);
    }
    // What an audit found while the command waited for its turn comes before it.
    const attention = this.#options.unitAttentions.take();
    return attention === undefined ? this.#change(command, deadline) : checkCondition(attention);
  }

  /** The guest's data met a conflict, and waits for a verdict. */
  conflicted(): void {
    this.#auditor.conflicted();
  }

  /**
   * Brings paths, intent and gate in line with what the array shows.
   * @param obstacle what stands against that
   */
  audit(obstacle: string | undefined): Promise<void> {
    return this.#auditor.audit(obstacle);
  }

  /**
   * Leaves the guest's registrations to another process (fencing rule 22).
   * @returns what that one has to know
   * @throws Error if what was sent is not settled, or it can't be recorded; nothing has changed then
   */
  async leave(): Promise<JournalEntry> {
    const { ledger, unsettled } = this.#options;
    const { verified, mustJudge } = this.#auditor;
    if (unsettled.pending || !verified || mustJudge) {
      throw new Error('it is not settled yet what the guest has registered');
    }
    const left = await ledger.leave();
    return { ...left, owed: this.#options.unitAttentions.pending ? left.owed : undefined };
  }

  get #carriage(): Carriage | undefined {
    const { limits, severalNexuses } = this.#options.access;
    return limits === undefined ? undefined : { limits, severalNexuses };
  }

  async #report(
    action: Parameters<typeof report>[0],
    carriage: Carriage,
    deadline: number,
  ): Promise<PrOutcome> {
    const { access, guest, ledger, sequential, unsettled, unitAttentions } = this.#options;
    const own = new Set(ledger.own.values());
    const aptpl = ledger.intent?.aptpl ?? false;
    const { outcome, view } = await report(
      action,
      { access, carriage, guest, own, aptpl },
      deadline,
    );
    // What an audit is to find out may look like a change that others made.
    if (view !== undefined && this.#auditor.verified && !this.#auditor.mustJudge) {
      const situation = ledger.situation(view, reachOf(access, new Set(), sequential));
      const change = this.#standing.observe(situation, unsettled.pending);
      if (change !== undefined) unitAttentions.establish(change);
      await this.#save();
    }
    return outcome;
  }

  async #change(command: PrOutCommand, deadline: number): Promise<PrOutcome> {
    const { access, ledger, requestAudit, sequential, unitAttentions, unsettled } = this.#options;
    // An audit found it while the command waited for its turn.
    const attention = unitAttentions.take();
    if (attention !== undefined) return this.#tellFirst(attention, deadline);
    ledger.owed = undefined;
    const usable = await access.usable(deadline);
    const found = await lookAround(access, unsettled, usable, deadline);
    if (found === undefined) return busy;
    ledger.forgetGone(found.view, access.ids);
    const situation = ledger.situation(found.view, reachOf(access, usable, sequential));
    unsettled.dropDisarmed(situation);
    const { isObstructed, verified, mustJudge } = this.#auditor;
    if (unsettled.pending || isObstructed || !verified || mustJudge) {
      requestAudit('now');
      return busy;
    }
    const change = this.#standing.observe(situation, false);
    const interrupted = this.#interrupted;
    this.#interrupted = undefined;
    if (interrupted !== undefined && isDeepStrictEqual(interrupted.command, command)) {
      if (change !== undefined) unitAttentions.establish(change);
      return readBack(interrupted, situation);
    }
    // A device reports it before the command, which it does not execute then.
    if (change !== undefined) {
      await this.#save();
      return this.#tellFirst(change, deadline);
    }
    return this.#runCommand(command, found, deadline);
  }

  /** An answer after the deadline reaches nobody: the guest must be told by its next command then. */
  #tellFirst(attention: Sense, deadline: number): PrOutcome {
    const { clock, unitAttentions } = this.#options;
    if (clock.now() >= deadline) unitAttentions.establish(attention);
    return checkCondition(attention);
  }

  async #runCommand(command: PrOutCommand, start: Look, deadline: number): Promise<PrOutcome> {
    const { ledger, unitAttentions } = this.#options;
    const { intent } = ledger;
    const key = intent?.key ?? 0n;
    const aptpl = intent?.aptpl ?? false;
    const paths = [...start.usable];
    const last = ledger.pending;
    ledger.pending = { command, key, before: start.view, paths, over: false };
    ledger.intent = intended(command, intent, this.#options.gate.epoch);
    const end = await new Run(
      { kind: 'command', command },
      start,
      { key, aptpl },
      this.#options,
      deadline,
    ).toEnd();

    if (end.progress.attempts.length === 0) ledger.pending = last;
    const condition = this.#conclude(command, { key, aptpl }, end);
    if (condition !== undefined) unitAttentions.establish(condition);
    const saved = await this.#save();
    this.#auditor.afterCommand(end.situation);
    // The guest must not rely on what a crash would undo.
    return saved || end.outcome.status !== 'good'
      ? end.outcome
      : checkCondition(internalTargetFailure);
  }

  /** @returns what the guest must hear of beside the answer */
  #conclude(
    command: PrOutCommand,
    before: { key: ReservationKey; aptpl: boolean },
    { outcome, situation, unsettled, progress }: RunEnd,
  ): Sense | undefined {
    const { ledger } = this.#options;
    // Nothing is known: the next audit finds out.
    if (situation === undefined) return undefined;
    const isUnsettled = unsettled.size > 0;
    if (!isUnsettled) ledger.commandIsOver();
    const change = this.#standing.conclude(
      situation,
      keysAfter(command, before),
      expectedKey(command, outcome, progress),
      isUnsettled,
    );
    const halfDone = outcome.status === 'check-condition' && progress.attempts.some(mayHaveEffect);
    const ownDoing =
      halfDone && change !== undefined && explains({ command, key: before.key }, change);
    return ownDoing ? undefined : change;
  }

  async #save(): Promise<boolean> {
    try {
      await this.#options.ledger.save();
      return true;
    } catch (error) {
      this.#options.onStoreFailure(error);
      return false;
    }
  }
}

function mayHaveEffect({ result: { kind } }: Attempt): boolean {
  return kind === 'good' || kind === 'unknown' || kind === 'unsettled';
}

/** The answer to a command that the guest sends again, because a crash kept it from having one. */
function readBack(interrupted: PendingCommand, situation: Situation): PrOutcome {
  return effectIsThere(interrupted.command, situation, interrupted)
    ? good
    : checkCondition(logicalUnitTimeOut);
}

/** The key a command would give the guest; undefined if it gives none. */
function givenKey(command: PrOutCommand): { key: ReservationKey; aptpl: boolean } | undefined {
  const registers =
    command.action === 'register' || command.action === 'register-and-ignore-existing-key';
  if (!registers || command.serviceActionKey === 0n) return undefined;
  return { key: command.serviceActionKey, aptpl: command.aptpl };
}

/** A path that comes up while the command runs is to get the new key. */
function intended(
  command: PrOutCommand,
  intent: Intent | undefined,
  epoch: number,
): Intent | undefined {
  const given = givenKey(command);
  if (given === undefined) return intent;
  return {
    ...given,
    otherKey: intent?.key,
    type: intent?.type,
    holderPath: intent?.holderPath,
    epoch,
  };
}

function keysAfter(
  command: PrOutCommand,
  before: { key: ReservationKey; aptpl: boolean },
): Map<ReservationKey, boolean> {
  const given = givenKey(command);
  const keys = new Map<ReservationKey, boolean>();
  if (given !== undefined) keys.set(given.key, given.aptpl);
  if (!keys.has(before.key)) keys.set(before.key, before.aptpl);
  return keys;
}

/** The key the guest must believe to have after that answer; undefined: it can't tell. */
function expectedKey(
  command: PrOutCommand,
  outcome: PrOutcome,
  progress: Progress,
): ReservationKey | undefined {
  if (outcome.status !== 'good') return progress.key;
  switch (command.action) {
    case 'register':
    case 'register-and-ignore-existing-key':
      return command.serviceActionKey;
    case 'clear':
      return 0n;
    case 'preempt':
    case 'preempt-and-abort':
      return namesOwnPaths(command, progress) ? undefined : progress.key;
    case 'register-and-move':
      return command.unregister ? 0n : progress.key;
    default:
      return progress.key;
  }
}
