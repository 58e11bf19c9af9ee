import type { CommandAccess } from '../pr/access.js';
import type { PrOutCommand, ReservationCommand } from '../pr/command.js';
import { Coordinator, type CoordinatorOptions } from '../pr/coordinator.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus } from '../pr/nexus.js';
import { checkCondition, good, type PrOutcome } from '../pr/outcome.js';
import { logicalUnitTimeOut } from '../pr/sense.js';
import type { UnitAttentions } from '../pr/unit-attention.js';
import { permits } from './access.js';
import { effectIsThere } from './effect.js';
import type { StoredReservations } from './state-store.js';
import { ReservationMachine, type ReservationMachineOptions } from './reservation-machine.js';

export type EmulatedReservationsOptions = ReservationMachineOptions & CoordinatorOptions;

/** The emulated reservations of one logical unit, shared by every nexus that is attached to it. */
export class EmulatedReservations implements LogicalUnitReservations {
  readonly #machine: ReservationMachine;
  readonly #coordinator: Coordinator;

  private constructor(machine: ReservationMachine, options: CoordinatorOptions) {
    this.#machine = machine;
    this.#coordinator = new Coordinator(machine, options);
  }

  /** @throws what `store.load` throws */
  static async open(options: EmulatedReservationsOptions): Promise<EmulatedReservations> {
    return new EmulatedReservations(await ReservationMachine.open(options), options);
  }

  /**
   * To be called before the nexus' first request can pass its fence.
   * @throws if it is attached already
   */
  attach(nexus: Nexus): void {
    this.#machine.attach(nexus);
  }

  /**
   * To be called when nothing of the nexus is in flight any more. Its registration stays.
   * Resolves when a RESERVE(6) of it has ended.
   */
  async detach(nexus: Nexus): Promise<void> {
    this.#machine.detach(nexus.id);
    await this.nexusLost(nexus);
  }

  execute(nexus: Nexus, command: ReservationCommand): Promise<PrOutcome> {
    return this.#coordinator.execute(nexus, command);
  }

  leftOver(nexus: Nexus, command: PrOutCommand): PrOutcome | undefined {
    if (effectIsThere(this.#machine.state, nexus.id, command)) return good;
    // It may have been carried out and undone by what others did since: it must not bring back what
    // was fenced.
    return this.#machine.isAsFound ? undefined : checkCondition(logicalUnitTimeOut);
  }

  /** Whatever changes, changes here. */
  refresh(): Promise<void> {
    return Promise.resolve();
  }

  permits(nexus: Nexus, access: CommandAccess): boolean {
    return permits(this.#machine.attached(nexus.id).access, access);
  }

  unitAttentions(nexus: Nexus): UnitAttentions {
    return this.#machine.attached(nexus.id).unitAttentions;
  }

  /** I_T nexus loss (SPC-2 §5.5.1): ends a RESERVE(6) of this nexus, and nothing else. */
  async nexusLost({ id }: Nexus): Promise<void> {
    await this.#coordinator.between(() => {
      if (this.#machine.state.legacyHolder === id) this.#machine.endLegacyReservation();
    });
  }

  /** LOGICAL UNIT RESET (SPC-2 §5.5.1): ends any RESERVE(6), and nothing else. */
  async logicalUnitReset(): Promise<void> {
    await this.#coordinator.between(() => {
      this.#machine.endLegacyReservation();
    });
  }

  /**
   * Leaves the reservations to the process that has the disk next, after the commands that wait;
   * later ones are BUSY.
   * @throws what `store.save` throws, and then nothing has changed
   */
  handOver(): Promise<void> {
    return this.#coordinator.between(() => this.#machine.handOver());
  }

  /**
   * Leaves the reservations to the process that goes on in this one's place, after the commands that
   * wait; later ones are BUSY until `keep`.
   */
  surrender(): Promise<StoredReservations> {
    return this.#coordinator.between(() => this.#machine.surrender());
  }

  /** That process doesn't go on; also if `surrender` has not resolved yet. */
  keep(): Promise<void> {
    return this.#coordinator.between(() => {
      this.#machine.keep();
    });
  }

  /** Goes on with what the process before surrendered. */
  inherit(stored: StoredReservations): Promise<void> {
    return this.#coordinator.between(() => {
      this.#machine.inherit(stored);
    });
  }

  /**
   * Goes on where the process before let go of them.
   * @throws what the store throws, and then nothing has changed
   */
  takeOver(): Promise<void> {
    return this.#coordinator.between(() => this.#machine.takeOver());
  }
}
