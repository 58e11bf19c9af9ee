import { EmulatedReservations } from '../../../../src/emulated/emulated-reservations.js';
import type { ReservationCommand } from '../../../../src/pr/command.js';
import type { Nexus } from '../../../../src/pr/nexus.js';
import type { PrInData } from '../../../../src/pr/outcome.js';
import { readKeys, register, reserve } from './commands.js';
import { MemoryStore } from './memory-store.js';
import { textOf } from './outcome-text.js';
import { RecordingFence } from './recording-fence.js';
import { a, b, c, nodeOf } from './reservations.js';

/** A disk with emulated reservations, and what they ask of others. */
export class RecordedDisk {
  readonly store = new MemoryStore();
  fence!: RecordingFence;
  reservations!: EmulatedReservations;
  storeFailures: unknown[] = [];
  /** What the fence and the store were asked for, in order. */
  events: string[] = [];

  /** Of a disk that was powered on, with a, b and c attached. */
  static async attached(): Promise<RecordedDisk> {
    const disk = new RecordedDisk();
    await disk.powerOn();
    for (const nexus of [a, b, c]) disk.reservations.attach(nexus);
    return disk;
  }

  /** Starts a process on what the store has; the last one is forgotten, as after kill -9. */
  async powerOn(): Promise<void> {
    this.storeFailures = [];
    this.events = [];
    this.fence = new RecordingFence();
    this.fence.onSet = (nexusId) =>
      this.events.push(`${nodeOf(nexusId)} may ${this.fence.text(nexusId)}`);
    this.fence.drain = (nexusId) => {
      this.events.push(`drain ${nodeOf(nexusId)}`);
      return Promise.resolve(true);
    };
    this.store.beforeSave = () => {
      this.events.push('save');
      return Promise.resolve();
    };
    this.reservations = await EmulatedReservations.open({
      store: this.store,
      fence: this.fence,
      timeoutMs: 60_000,
      depth: 8,
      onFault: (error) => {
        throw error;
      },
      onStoreFailure: (error) => this.storeFailures.push(error),
    });
  }

  async run(nexus: Nexus, command: ReservationCommand): Promise<string> {
    const outcome = await this.reservations.execute(nexus, command);
    if (outcome.status === 'good') this.events.push('answer');
    return textOf(outcome);
  }

  /** a and b are registered with APTPL, b holds; nothing is recorded yet. */
  async setUp(): Promise<void> {
    await this.run(a, register(0n, 1n, { aptpl: true }));
    await this.run(b, register(0n, 2n, { aptpl: true }));
    await this.run(b, reserve(2n, 'write-exclusive-registrants-only'));
    this.events = [];
  }

  async data(command: ReservationCommand): Promise<PrInData | undefined> {
    const outcome = await this.reservations.execute(c, command);
    return outcome.status === 'good' ? outcome.data : undefined;
  }

  async keys(): Promise<bigint[]> {
    const read = await this.data(readKeys);
    return read?.action === 'read-keys' ? read.keys : [];
  }

  async generation(): Promise<number> {
    const read = await this.data(readKeys);
    return read?.action === 'read-keys' ? read.generation : -1;
  }
}
