import { randomInt } from 'node:crypto';
import type { Clock } from '../pr/clock.js';
import { systemClock } from '../pr/clock.js';
import type { ReservationCommand } from '../pr/command.js';
import { Coordinator } from '../pr/coordinator.js';
import type { DataGate } from '../pr/data-gate.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus } from '../pr/nexus.js';
import type { PrOutcome } from '../pr/outcome.js';
import type { PathSource } from '../pr/path.js';
import { UnitAttentions } from '../pr/unit-attention.js';
import { DeviceMachine } from './device-machine.js';
import { GateKeeper } from './gate-keeper.js';
import type { JournalEntry, JournalStore } from './journal.js';
import { Ledger } from './ledger.js';
import { PathAccess } from './path-access.js';
import { UnsettledCommands } from './unsettled-commands.js';

/** Of the guest's data; by chance no two registrations have the same one. */
const epochs = 2 ** 32;
/** Between two audits of something that is not in order, milliseconds. */
const auditIntervalMs = 1_000;

export interface DeviceReservationsOptions {
  /** The guest: its host's paths appear under this name. */
  guest: Nexus;
  source: PathSource;
  gate: DataGate;
  journal: JournalStore;
  /** A PERSISTENT RESERVE command is answered within this, milliseconds. */
  timeoutMs: number;
  /** Commands that may wait; one more is answered TASK SET FULL. */
  depth: number;
  /** For arrays that can't take two REGISTERs at once. */
  sequential?: boolean;
  /** The system's by default. */
  clock?: Clock;
  /**
   * Asked before each audit, and so before a path that came back is repaired: what on this host would
   * undo the fencing, as part of a sentence. While there is something, nothing is registered or
   * repaired, commands that change anything are BUSY, and the data of a guest that was ever
   * registered waits. Never rejects.
   */
  obstacle?: () => Promise<string | undefined>;
  /** Of the guest; by default a queue of its own. */
  unitAttentions?: UnitAttentions;
  /** What an administrator should know. */
  log: (text: string) => void;
  /** Told of a bug. */
  onFault: (error: unknown) => void;
  /** Told why the journal could not be written; commands are answered accordingly. */
  onStoreFailure: (error: unknown) => void;
}

/**
 * The reservations of one real logical unit, as one guest uses them through all paths of this host.
 * The device itself judges the guest's data.
 */
export class DeviceReservations implements LogicalUnitReservations {
  readonly #source: PathSource;
  readonly #clock: Clock;
  readonly #access: PathAccess;
  readonly #machine: DeviceMachine;
  readonly #coordinator: Coordinator;
  readonly #attentions: UnitAttentions;
  readonly #obstacle: () => Promise<string | undefined>;
  readonly #onFault: (error: unknown) => void;
  #auditWaits = false;
  #cancelAudit: (() => void) | undefined;
  #closed = false;

  private constructor(options: DeviceReservationsOptions, ledger: Ledger) {
    const { clock = systemClock, gate, guest, log, source } = options;
    this.#source = source;
    this.#clock = clock;
    this.#obstacle = options.obstacle ?? nothing;
    this.#onFault = options.onFault;
    this.#access = new PathAccess({ source, clock, log });
    this.#attentions = options.unitAttentions ?? new UnitAttentions();
    if (ledger.owed !== undefined) this.#attentions.establish(ledger.owed);
    const unsettled = new UnsettledCommands();
    this.#settleInterrupted(ledger, unsettled);
    this.#machine = new DeviceMachine({
      guest,
      access: this.#access,
      gate: new GateKeeper(gate, ledger.intent?.epoch ?? randomInt(epochs)),
      ledger,
      unsettled,
      clock,
      sequential: options.sequential ?? false,
      unitAttentions: this.#attentions,
      requestAudit: (when) => {
        this.#requestAudit(when);
      },
      onSettled: () => {
        this.#requestAudit('now');
      },
      onStoreFailure: options.onStoreFailure,
      log,
    });
    this.#coordinator = new Coordinator(this.#machine, { ...options, clock });
    gate.onConflict = () => {
      this.#machine.conflicted();
    };
    source.addEventListener('change', this.#onPaths);
  }

  /**
   * Resumes what the journal tells. Until that has been compared with the array the gate is closed
   * and commands are BUSY.
   * @throws what `journal.load` throws
   */
  static async open(options: DeviceReservationsOptions): Promise<DeviceReservations> {
    const reservations = new DeviceReservations(options, await Ledger.open(options.journal));
    await reservations.audit();
    return reservations;
  }

  execute(nexus: Nexus, command: ReservationCommand): Promise<PrOutcome> {
    return this.#coordinator.execute(nexus, command);
  }

  /** The journal knows the last command. */
  leftOver(): undefined {
    return undefined;
  }

  refresh(): Promise<void> {
    return this.audit();
  }

  /** What holdfast answers itself touches nothing of the device; the device judges the rest. */
  permits(): boolean {
    return true;
  }

  unitAttentions(): UnitAttentions {
    return this.#attentions;
  }

  /**
   * Looks at the array and repairs what is to be repaired, after the commands that wait.
   */
  async audit(): Promise<void> {
    this.#auditWaits = true;
    try {
      // In no turn, for whoever is asked may take his time.
      const obstacle = await this.#obstacle();
      await this.#coordinator.between(() => {
        this.#auditWaits = false;
        return this.#closed ? undefined : this.#machine.audit(obstacle);
      });
    } catch (error) {
      this.#onFault(error);
    }
  }

  /**
   * Leaves the guest's registrations to another process, after the commands that wait; nothing of the
   * guest's data may be in flight. This object is closed then.
   * @returns what that process has to know: the journal it is to begin with
   * @throws Error if that can't be now, and nothing has changed
   */
  leave(): Promise<JournalEntry> {
    return this.#coordinator.between(async () => {
      const left = await this.#machine.leave();
      this.close();
      return left;
    });
  }

  /** Stops looking after the paths. The registrations stay. */
  close(): void {
    this.#closed = true;
    this.#source.removeEventListener('change', this.#onPaths);
    this.#cancelAudit?.();
    this.#access.close();
  }

  /** What the last process sent may still be under way in the kernel. */
  #settleInterrupted({ pending }: Ledger, unsettled: UnsettledCommands): void {
    if (pending === undefined || pending.over) return;
    for (const pathId of pending.paths) {
      const command = { pathId, command: pending.command };
      unsettled.add(command);
      // Two: the kernel may run what waits on a path in any order.
      void this.#access.settle(pathId, 2).then(() => {
        unsettled.settled(command);
        this.#requestAudit('now');
      });
    }
  }

  readonly #onPaths = (): void => {
    this.#access.refresh();
    this.#requestAudit('now');
  };

  #requestAudit(when: 'now' | 'later'): void {
    if (this.#closed) return;
    if (when === 'now') {
      if (!this.#auditWaits) void this.audit();
      return;
    }
    this.#cancelAudit?.();
    this.#cancelAudit = this.#clock.after(auditIntervalMs, () => {
      this.#requestAudit('now');
    });
  }
}

function nothing(): Promise<undefined> {
  return Promise.resolve(undefined);
}
