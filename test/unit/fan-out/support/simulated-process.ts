import type { JournalEntry, JournalStore } from '../../../../src/fan-out/journal.js';
import type { Clock } from '../../../../src/pr/clock.js';
import type { DataGate } from '../../../../src/pr/data-gate.js';
import type { Path, PathSource } from '../../../../src/pr/path.js';
import type { PathTransport } from '../../../../src/pr/transport.js';

/** What one process has of the world: after its end nothing reaches it, and it reaches nothing. */
export class SimulatedProcess {
  #alive = true;

  end(): void {
    this.#alive = false;
  }

  source(world: PathSource): PathSource {
    return new ProcessSource(world, (path) => this.#path(path));
  }

  journal(store: JournalStore): JournalStore {
    return {
      load: () => this.#while(() => store.load()),
      save: (entry: JournalEntry) => this.#while(() => store.save(entry)),
    };
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      after: (milliseconds, callback) =>
        clock.after(milliseconds, () => {
          if (this.#alive) callback();
        }),
    };
  }

  gate(gate: DataGate): DataGate {
    const alive = (act: () => void) => {
      if (this.#alive) act();
    };
    return {
      get holdsAll() {
        return gate.holdsAll;
      },
      close: () => {
        alive(() => {
          gate.close();
        });
      },
      drained: (timeoutMs) => this.#while(() => gate.drained(timeoutMs)),
      open: () => {
        alive(() => {
          gate.open();
        });
      },
      beginEpoch: (name) => {
        alive(() => {
          gate.beginEpoch(name);
        });
      },
      set conflicts(way: 'judge' | 'answer') {
        alive(() => {
          gate.conflicts = way;
        });
      },
      set onConflict(callback: () => void) {
        gate.onConflict = callback;
      },
    };
  }

  #path(path: Path): Path {
    const { transport } = path;
    const own: PathTransport = {
      name: transport.name,
      limits: transport.limits,
      execute: (command, deadline) => this.#while(() => transport.execute(command, deadline)),
      probe: (deadline) => this.#while(() => transport.probe(deadline)),
      identify: (deadline) => this.#while(() => transport.identify(deadline)),
      close: () => transport.close(),
    };
    return {
      id: path.id,
      name: path.name,
      group: path.group,
      transport: own,
      get state() {
        return path.state;
      },
      get initiator() {
        return path.initiator;
      },
      get lateExecutionMs() {
        return path.lateExecutionMs;
      },
    };
  }

  /** Resolves and rejects like `act()` for as long as the process lives. */
  #while<Value>(act: () => Promise<Value>): Promise<Value> {
    return this.#passed(this.#passed(Promise.resolve()).then(act));
  }

  #passed<Value>(promise: Promise<Value>): Promise<Value> {
    return promise.finally(() => (this.#alive ? undefined : never()));
  }
}

function never(): Promise<void> {
  return new Promise(() => undefined);
}

class ProcessSource extends EventTarget implements PathSource {
  readonly #world: PathSource;
  readonly #wrap: (path: Path) => Path;
  readonly #paths = new Map<Path, Path>();

  constructor(world: PathSource, wrap: (path: Path) => Path) {
    super();
    this.#world = world;
    this.#wrap = wrap;
    world.addEventListener('change', () => {
      this.dispatchEvent(new Event('change'));
    });
  }

  get name(): string {
    return this.#world.name;
  }

  paths(): readonly Path[] {
    return this.#world.paths().map((path) => {
      const known = this.#paths.get(path) ?? this.#wrap(path);
      this.#paths.set(path, known);
      return known;
    });
  }
}
