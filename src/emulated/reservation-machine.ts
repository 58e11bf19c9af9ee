import type { MediumAccess } from '../pr/access.js';
import type { ReservationCommand } from '../pr/command.js';
import type { ReservationExecutor } from '../pr/coordinator.js';
import type { Nexus, NexusId } from '../pr/nexus.js';
import { busy, checkCondition, type PrOutcome } from '../pr/outcome.js';
import { internalTargetFailure } from '../pr/sense.js';
import { mediumAccess } from './access.js';
import type { AccessFence } from './access-fence.js';
import { ExitCode, Failure } from '../util/failure.js';
import { AttachedNexus } from './attached-nexus.js';
import { withoutLegacyReservation } from './legacy-reservation.js';
import { initialState, type ReservationState } from './reservation-state.js';
import {
  type Handover,
  handoverOf,
  isSameStored,
  stateContinuing,
  stateFrom,
  type StateStore,
  type StoredReservations,
  storedOf,
} from './state-store.js';
import { transition } from './transition.js';
import type { Transition } from './transition-effects.js';

export interface ReservationMachineOptions {
  store: StateStore;
  fence: AccessFence;
  /** Told why the state could not be made durable; the command was answered accordingly. */
  onStoreFailure: (error: unknown) => void;
  /** Told when another state has settled. */
  onChange?: () => void;
  /** Another process has the disk, and its reservations, until `takeOver`. */
  elsewhere?: boolean;
  /**
   * Having the disk is no proof that nobody else has the reservations: only what was handed over is
   * taken.
   */
  needsHandover?: boolean;
}

/**
 * The emulated reservations of one logical unit: takes one command after the other from its
 * coordinator, and keeps the native fence of every attached nexus in line.
 *
 * A command that changes something runs in this order, so that nobody sees its effect before it
 * holds for good: fences of those who lose access are closed; what had passed them is drained; the
 * state is made durable; fences of those who gain access are opened, unit attentions established,
 * the answer given. If draining takes too long the fences go back and the answer is BUSY.
 */
export class ReservationMachine implements ReservationExecutor {
  readonly #store: StateStore;
  readonly #fence: AccessFence;
  readonly #onStoreFailure: (error: unknown) => void;
  readonly #onChange: () => void;
  readonly #attached = new Map<NexusId, AttachedNexus>();
  #state: ReservationState;
  /** What the process before has left. */
  #found: ReservationState;
  /** What is being committed: until that is done, a nexus has the access that both states give. */
  #next: ReservationState | undefined;
  readonly #needsHandover: boolean;
  #elsewhere: boolean;

  private constructor(options: ReservationMachineOptions, state: ReservationState) {
    const { store, fence, onStoreFailure, onChange, elsewhere, needsHandover } = options;
    this.#needsHandover = needsHandover ?? false;
    this.#elsewhere = elsewhere ?? false;
    this.#store = store;
    this.#fence = fence;
    this.#onStoreFailure = onStoreFailure;
    this.#onChange = onChange ?? (() => undefined);
    this.#state = state;
    this.#found = state;
  }

  /** @throws what `store.load` throws */
  static async open(options: ReservationMachineOptions): Promise<ReservationMachine> {
    const state = options.elsewhere ? initialState : stateFrom(await options.store.load());
    return new ReservationMachine(options, state);
  }

  /** Nothing has changed since the process before. */
  get isAsFound(): boolean {
    return this.#state === this.#found && this.#next === undefined;
  }

  /** The settled state. */
  get state(): ReservationState {
    return this.#state;
  }

  /**
   * Sets the native fence of a nexus, which must be done before the nexus' first request.
   * @throws if it is attached already: two guests on one nexus could not be fenced apart
   */
  attach(nexus: Nexus): void {
    if (this.#attached.has(nexus.id)) throw new Error(`${nexus.id} is attached already`);
    const attached = new AttachedNexus(nexus.id, this.#fence, this.#accessNow(nexus.id));
    this.#attached.set(nexus.id, attached);
  }

  /** Its registration stays. Nothing of the nexus may be in flight any more. */
  detach(nexusId: NexusId): void {
    this.#attached.delete(nexusId);
  }

  /** @throws if it is not attached */
  attached(nexusId: NexusId): AttachedNexus {
    const attached = this.#attached.get(nexusId);
    if (attached === undefined) throw new Error(`${nexusId} is not attached`);
    return attached;
  }

  async execute(nexus: Nexus, command: ReservationCommand, deadline: number): Promise<PrOutcome> {
    if (this.#elsewhere) return busy;
    const effects = transition(this.#state, nexus, command);
    if (effects.state === this.#state) return effects.outcome;

    this.#next = effects.state;
    try {
      return await this.#commit(effects, this.#refreshFences(), deadline);
    } finally {
      this.#next = undefined;
      this.#refreshFences();
    }
  }

  /**
   * Leaves the reservations to the process that has the disk next; to be called between two
   * commands, while nothing of a guest is in flight.
   * @throws what `store.save` throws, and then nothing has changed
   */
  async handOver(): Promise<void> {
    await this.#store.save(this.#handover());
    this.#elsewhere = true;
  }

  /**
   * Goes on where the process before let go; to be called between two commands.
   * @throws what the store throws, Failure (imageInUse) if it wasn't; and then nothing has changed
   */
  async takeOver(): Promise<void> {
    const stored = await this.#store.load();
    const state = stateContinuing(stored);
    const handover = stored?.handover;
    if (handover === undefined && this.#needsHandover) {
      throw new Failure(ExitCode.imageInUse, 'its reservations have not been handed over');
    }
    // What doesn't outlive a power cycle must not outlive this process either.
    if (handover !== undefined) await this.#store.save(storedOf(state));
    this.#goOn(state, handover);
  }

  /**
   * Leaves the reservations to the process that goes on in this one's place, without a way through
   * the store; to be called as `handOver`. Until `keep` nothing changes here.
   */
  surrender(): StoredReservations {
    this.#elsewhere = true;
    return this.#handover();
  }

  /** That process doesn't go on. */
  keep(): void {
    this.#elsewhere = false;
  }

  /** Goes on with what the process before surrendered. The store has what outlives both already. */
  inherit(stored: StoredReservations): void {
    this.#goOn(stateContinuing(stored), stored.handover);
  }

  /** Ends RESERVE(6); to be called between two commands. */
  endLegacyReservation(): void {
    this.#state = withoutLegacyReservation(this.#state);
    this.#refreshFences();
  }

  #handover(): StoredReservations {
    const attentions = [...this.#attached.values()].map(
      ({ id, unitAttentions }) => [id, unitAttentions.conditions] as const,
    );
    return handoverOf(this.#state, new Map(attentions));
  }

  #goOn(state: ReservationState, handover: Handover | undefined): void {
    for (const { id, unitAttentions } of this.#attached.values()) {
      // To a guest that goes on this is no power on.
      if (handover !== undefined) unitAttentions.replace(handover.attentions.get(id) ?? []);
    }
    this.#state = state;
    this.#found = state;
    this.#elsewhere = false;
    this.#refreshFences();
    this.#onChange();
  }

  async #commit(
    { state, outcome, attentions, aborted }: Transition,
    losing: readonly NexusId[],
    deadline: number,
  ): Promise<PrOutcome> {
    if (!(await this.#drain(new Set([...losing, ...aborted]), deadline))) return busy;
    if (!(await this.#save(state))) return checkCondition(internalTargetFailure);
    this.#state = state;
    for (const { nexusId, condition } of attentions) {
      this.#attached.get(nexusId)?.unitAttentions.establish(condition);
    }
    this.#onChange();
    return outcome;
  }

  /** Draining may take half of the time that is left, so that saving has the other half. */
  async #drain(nexusIds: ReadonlySet<NexusId>, deadline: number): Promise<boolean> {
    const timeoutMs = Math.max(0, (deadline - performance.now()) / 2);
    const draining = [...nexusIds]
      .filter((nexusId) => this.#attached.has(nexusId))
      .map((nexusId) => this.#fence.drained(nexusId, timeoutMs));
    return (await Promise.all(draining)).every((drained) => drained);
  }

  async #save(next: ReservationState): Promise<boolean> {
    const stored = storedOf(next);
    if (isSameStored(stored, storedOf(this.#state))) return true;
    try {
      await this.#store.save(stored);
      return true;
    } catch (error) {
      this.#onStoreFailure(error);
      return false;
    }
  }

  /** @returns the attached nexuses that have less access than before */
  #refreshFences(): NexusId[] {
    const losing: NexusId[] = [];
    for (const nexus of this.#attached.values()) {
      const before = nexus.access;
      nexus.access = this.#accessNow(nexus.id);
      const less = (before.reads && !nexus.access.reads) || (before.writes && !nexus.access.writes);
      if (less) losing.push(nexus.id);
    }
    return losing;
  }

  #accessNow(nexusId: NexusId): MediumAccess {
    const now = mediumAccess(this.#state, nexusId);
    if (this.#next === undefined) return now;
    const next = mediumAccess(this.#next, nexusId);
    return { reads: now.reads && next.reads, writes: now.writes && next.writes };
  }
}
