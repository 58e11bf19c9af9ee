import { DeviceReservations } from '../../../../src/fan-out/device-reservations.js';
import type { ReservationCommand } from '../../../../src/pr/command.js';
import type { Nexus } from '../../../../src/pr/nexus.js';
import type { PrCommand } from '../../../../src/pr/command.js';
import type { PrInData, PrOutcome } from '../../../../src/pr/outcome.js';
import type { Path, PathSource } from '../../../../src/pr/path.js';
import { noLimits, type TransportLimits } from '../../../../src/pr/transport.js';
import { readFullStatus, readKeys, register } from '../../emulated/support/commands.js';
import { senseText, textOf } from '../../emulated/support/outcome-text.js';
import { nexusNamed } from '../../emulated/support/reservations.js';
import { MemoryJournal } from './memory-journal.js';
import { idle, Scheduler } from './scheduler.js';
import { SimulatedArray } from './simulated-array.js';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedGate } from './simulated-gate.js';
import { SimulatedProcess } from './simulated-process.js';
import { JoinedJournal } from '../../../../src/unit/joined-journal.js';
import type { JournalEntry } from '../../../../src/fan-out/journal.js';
import { SimulatedPath } from './simulated-path.js';

/** The guest, as it is shown to itself. */
export const guest = nexusNamed('guest');
/** Another host, with one path. */
export const foreign = nexusNamed('f');

class SimulatedSource extends EventTarget implements PathSource {
  readonly name = 'mpatha';
  list: Path[] = [];

  paths(): readonly Path[] {
    return this.list;
  }
}

export interface WorldOptions {
  paths?: string[];
  limits?: Partial<TransportLimits>;
  sequential?: boolean;
  /** Another host at the same array. */
  beside?: World;
}

/** Chooses one of `count` events; by default the first. */
export type Chooser = (names: readonly string[]) => number;

/** A guest on a host with paths to an array that other hosts use, too. */
export class World {
  readonly clock: SimulatedClock;
  readonly scheduler: Scheduler;
  readonly array: SimulatedArray;
  readonly gate = new SimulatedGate();
  readonly journal = new MemoryJournal();
  readonly source = new SimulatedSource();
  readonly notices: string[] = [];
  readonly faults: unknown[] = [];
  readonly #paths = new Map<string, SimulatedPath>();
  readonly #sequential: boolean;
  #device: DeviceReservations | undefined;
  #process: SimulatedProcess | undefined;
  /** Which event comes next. */
  choose: Chooser = () => 0;
  /** What stands against the reservations. */
  obstacle: string | undefined;

  /** Where no process runs yet. */
  constructor(options: WorldOptions = {}) {
    const { paths = ['a', 'b'], limits = {}, sequential = false, beside } = options;
    this.clock = beside?.clock ?? new SimulatedClock();
    this.scheduler = beside?.scheduler ?? new Scheduler();
    this.array = beside?.array ?? new SimulatedArray();
    this.#sequential = sequential;
    for (const name of paths) this.addPath(name).limits = { ...noLimits, ...limits };
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    await world.start();
    return world;
  }

  get device(): DeviceReservations {
    if (this.#device === undefined) throw new Error('the device is not open');
    return this.#device;
  }

  /** A process begins, on what the journal has. @param left by the process before */
  async start(left?: JournalEntry): Promise<void> {
    const process = new SimulatedProcess();
    this.gate.isOpen = false;
    this.#process = process;
    const opened = DeviceReservations.open({
      guest,
      source: process.source(this.source),
      gate: process.gate(this.gate),
      journal: process.journal(
        left === undefined ? this.journal : new JoinedJournal(this.journal, left),
      ),
      timeoutMs: 5_000,
      depth: 8,
      sequential: this.#sequential,
      clock: process.clock(this.clock),
      obstacle: () => Promise.resolve(this.obstacle),
      log: (text) => this.notices.push(text),
      onFault: (error) => this.faults.push(error),
      onStoreFailure: (error) => this.notices.push(String(error)),
    });
    this.#device = await this.until(opened);
  }

  /** The guest goes on elsewhere. */
  async leave(): Promise<JournalEntry> {
    this.gate.isOpen = false;
    return this.until(this.device.leave());
  }

  /** kill -9: nothing of it is heard any more. */
  kill(): void {
    this.#process?.end();
    this.#device?.close();
    for (const path of this.paths) path.abandon();
  }

  addPath(name: string): SimulatedPath {
    const nexus = nexusNamed(name);
    const path = new SimulatedPath(nexus, this.array, this.scheduler, this.clock);
    this.#paths.set(name, path);
    this.source.list = [...this.source.list, path];
    return path;
  }

  removePath(name: string): void {
    this.source.list = this.source.list.filter(({ id }) => id !== name);
  }

  /** All there ever were. */
  get paths(): SimulatedPath[] {
    return [...this.#paths.values()];
  }

  path(name: string): SimulatedPath {
    const path = this.#paths.get(name);
    if (path === undefined) throw new Error(`no path ${name}`);
    return path;
  }

  /** The host notices that something about its paths has changed. */
  async noticePaths(): Promise<void> {
    this.source.dispatchEvent(new Event('change'));
    await this.quiet();
  }

  async fail(name: string): Promise<void> {
    this.path(name).condition = 'down';
    this.path(name).state = 'down';
    await this.noticePaths();
  }

  async heal(name: string): Promise<void> {
    this.path(name).condition = 'works';
    this.path(name).state = 'up';
    await this.noticePaths();
  }

  /** A command of the guest; `good`, `conflict`, `busy` or the sense. */
  async run(command: ReservationCommand): Promise<string> {
    return textOf(await this.outcome(command));
  }

  outcome(command: ReservationCommand): Promise<PrOutcome> {
    return this.until(this.device.execute(guest, command));
  }

  /** A command of another host. */
  other(command: PrCommand, nexus: Nexus = foreign): string {
    const outcome = this.array.execute(nexus, command);
    const attention = outcome.status === 'check-condition' && outcome.sense.senseKey === 6;
    if (attention) return this.other(command, nexus);
    return textOf(outcome);
  }

  /** The guest with that key on all paths. */
  async registered(key = 1n): Promise<void> {
    const outcome = await this.run(register(0n, key, { aptpl: true }));
    if (outcome !== 'good') throw new Error(`register: ${outcome}`);
  }

  async keys(): Promise<bigint[]> {
    const data = await this.#data(readKeys);
    return data?.action === 'read-keys' ? data.keys : [];
  }

  /** `guest 0x1* f 0x2`, as the guest sees it. */
  async fullStatus(): Promise<string> {
    const data = await this.#data(readFullStatus);
    if (data?.action !== 'read-full-status') return 'none';
    return data.registrations
      .map(({ nexus, key, reservation }) => {
        const name = /:([^,:]+),/.exec(nexus.id)?.[1] ?? nexus.id;
        return `${name} 0x${key.toString(16)}${reservation === undefined ? '' : '*'}`;
      })
      .join(' ');
  }

  /** Takes what the guest is to be told: `6/2a/05`. */
  attentions(): string[] {
    const taken: string[] = [];
    for (;;) {
      const sense = this.device.unitAttentions().take();
      if (sense === undefined) return taken;
      taken.push(senseText(sense));
    }
  }

  /** Lets the world go on until that is done, and time pass where nothing else can happen. */
  async until<Value>(running: Promise<Value>): Promise<Value> {
    const end = { reached: false };
    const noted = running.finally(() => {
      end.reached = true;
    });
    noted.catch(() => undefined);
    for (let steps = 0; steps < 10_000; steps++) {
      await idle();
      if (end.reached) return noted;
      if (!this.#step() && !this.clock.advance()) throw new Error('nothing can happen any more');
    }
    throw new Error(`no end: ${this.scheduler.history.slice(-20).join(', ')}`);
  }

  /** Lets everything happen that can without time going by. */
  async quiet(): Promise<void> {
    for (;;) {
      await idle();
      if (!this.#step()) return;
    }
  }

  /** Lets time go by, milliseconds. */
  async pass(milliseconds: number): Promise<void> {
    const until = this.clock.now() + milliseconds;
    do await this.quiet();
    while (this.clock.advance(until));
  }

  #step(): boolean {
    const { events } = this.scheduler;
    const event = events[this.choose(events.map(({ name }) => name))];
    if (event === undefined) return false;
    this.scheduler.run(event);
    return true;
  }

  async #data(command: ReservationCommand): Promise<PrInData | undefined> {
    const outcome = await this.outcome(command);
    return outcome.status === 'good' ? outcome.data : undefined;
  }
}
