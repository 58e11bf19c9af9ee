import type { Path, PathSource } from '../pr/path.js';
import { multipathdWwid } from './device-map.js';
import { KeptPath, type OpenPath } from './kept-path.js';
import { readPathsOf, unitName, type UnitDevice } from './logical-unit.js';
import type { PathPlace } from './map-topology.js';
import type { Multipathd } from './multipathd.js';
import type { PathCondition } from './path-condition.js';
import type { PathFacts } from './path-facts.js';
import type { Sysfs } from './sysfs.js';

export interface HostPathsOptions {
  readonly sysfs: Sysfs;
  readonly device: UnitDevice;
  readonly open: OpenPath;
  readonly multipathd: Pick<Multipathd, 'topology'>;
  /** Told of each path that comes, goes or changes its state: `path sdc is down: ...`. */
  readonly report: (message: string) => void;
}

/**
 * The paths of one logical unit as this host has them, each with a transport that stays open while
 * the path is there. Looks at the host only when told to: see `watchPaths`.
 */
export class HostPaths extends EventTarget implements PathSource {
  readonly name: string;
  readonly #options: HostPathsOptions;
  readonly #kept = new Map<string, KeptPath>();
  readonly #proofs = new Set<Promise<void>>();
  #places: ReadonlyMap<string, PathPlace> = new Map();
  #paths: readonly Path[] = [];
  #reported = new Map<string, string>();
  #isClosed = false;
  /** Before the first question: it was there, or not, when the reservations were opened. */
  #multipathdRuns = true;

  constructor(options: HostPathsOptions) {
    super();
    this.#options = options;
    this.name = unitName(options.device);
  }

  paths(): readonly Path[] {
    return this.#paths;
  }

  /** Of each path that was found, strangers among them: its state, and why if it is not up. */
  conditions(): readonly ({ name: string } & PathCondition)[] {
    return [...this.#kept.values()].map(({ name, condition }) => ({ name, ...condition }));
  }

  /**
   * Reads sysfs again, begins to open what is new, closes what is gone. A path that is opened or
   * asked for its identity is published as down until that has ended.
   */
  refresh(): void {
    if (this.#isClosed) return;
    const { sysfs, device } = this.#options;
    this.#keep(readPathsOf(sysfs, device).paths);
    this.#publish();
    for (const path of this.#kept.values()) {
      const proof = path.prove().then(() => {
        this.#proofs.delete(proof);
        this.#publish();
      });
      this.#proofs.add(proof);
    }
  }

  /**
   * Asks multipathd for path groups and its checkers' findings, then refreshes. That it has started
   * is a change: it may do something to the paths by itself. Never rejects.
   */
  async refreshPlaces(): Promise<void> {
    const { device, multipathd } = this.#options;
    if (device.map === undefined) return;
    const topology = await multipathd.topology(device.name);
    const runs = topology.kind !== 'absent';
    const appears = runs && !this.#multipathdRuns;
    this.#multipathdRuns = runs;
    const isOurs = topology.kind === 'known' && topology.value.wwid === multipathdWwid(device.map);
    this.#places = isOurs ? topology.value.paths : new Map();
    this.refresh();
    if (appears) this.dispatchEvent(new Event('change'));
  }

  /** Resolves when no path is being opened or asked for its identity; a stuck one takes its time. */
  async proven(): Promise<void> {
    await Promise.all(this.#proofs);
  }

  /** Resolves when all transports are closed, but for calls that are stuck in the kernel. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#kept.values()];
    this.#kept.clear();
    this.#publish();
    await Promise.all(all.map((path) => path.close()));
  }

  #keep(now: readonly PathFacts[]): void {
    const found = new Map(now.map((facts) => [KeptPath.key(facts), facts]));
    for (const [key, path] of this.#kept) {
      if (found.has(key)) continue;
      this.#kept.delete(key);
      void path.close();
    }
    const { device, open } = this.#options;
    for (const [key, facts] of found) {
      const path = this.#kept.get(key) ?? new KeptPath(facts, device.wwid, open);
      path.update(facts, this.#places.get(facts.name));
      this.#kept.set(key, path);
    }
  }

  #publish(): void {
    this.#reportChanges();
    const before = this.#paths;
    this.#paths = [...this.#kept.values()]
      .filter((path) => !path.isStranger)
      .map(({ path }) => path)
      .sort(inOrderOfTrial);
    if (!areSame(before, this.#paths)) this.dispatchEvent(new Event('change'));
  }

  #reportChanges(): void {
    const now = new Map<string, string>();
    for (const { name, condition } of this.#kept.values()) {
      const { state, reason } = condition;
      now.set(name, reason === undefined ? state : `${state}: ${reason}`);
    }
    for (const [name, text] of now) {
      if (this.#reported.get(name) !== text) this.#options.report(`path ${name} is ${text}`);
    }
    for (const name of this.#reported.keys()) {
      if (!now.has(name)) this.#options.report(`path ${name} is gone`);
    }
    this.#reported = now;
  }
}

function inOrderOfTrial(a: Path, b: Path): number {
  return a.group - b.group || a.name.localeCompare(b.name, 'en', { numeric: true });
}

function areSame(before: readonly Path[], now: readonly Path[]): boolean {
  return (
    before.length === now.length &&
    before.every((path, index) => {
      const other = now[index];
      return (
        path.id === other?.id &&
        path.name === other.name &&
        path.state === other.state &&
        path.group === other.group &&
        isSameTransport(path, other)
      );
    })
  );
}

// A path that is not open has a new stand-in for its transport each time.
function isSameTransport(a: Path, b: Path): boolean {
  return a.transport === b.transport || (a.state === 'down' && b.state === 'down');
}
