import type { DataGate } from '../pr/data-gate.js';
import type { DataPath } from './data-path.js';

/**
 * The gate of one logical unit in front of data paths that are in other processes: the attached
 * client, else the map if the daemon may suspend it. With neither it is a gate in an open field.
 */
export class UnitGate implements DataGate {
  onConflict: () => void = () => undefined;
  readonly #map: DataPath | undefined;
  #attached: DataPath | undefined;
  #epoch = '';
  #closed = false;
  #conflicts: 'judge' | 'answer' = 'judge';
  /** Those that were told to stop since the gate was closed. */
  readonly #stopped = new Set<DataPath>();

  /** @param map undefined: it can't be suspended */
  constructor(map: DataPath | undefined) {
    this.#map = map;
  }

  get holdsAll(): boolean {
    return this.#path !== undefined;
  }

  set conflicts(way: 'judge' | 'answer') {
    this.#conflicts = way;
    this.#attached?.setConflicts(way);
  }

  close(): void {
    this.#closed = true;
    const path = this.#path;
    if (path === undefined) return;
    this.#stopped.add(path);
    path.stop();
  }

  async drained(timeoutMs: number): Promise<boolean> {
    return (await this.#path?.stopped(timeoutMs)) ?? true;
  }

  open(): void {
    this.#closed = false;
    for (const path of this.#stopped) path.resume(this.#epoch);
    this.#stopped.clear();
  }

  beginEpoch(name: string): void {
    this.#epoch = name;
  }

  /**
   * From now on this is the logical unit's data path.
   * @param path that stands still until it is resumed
   */
  attach(path: DataPath): void {
    this.#attached = path;
    path.setConflicts(this.#conflicts);
    path.stop();
    this.#stopped.add(path);
    if (!this.#closed) this.open();
  }

  detach(path: DataPath): void {
    if (this.#attached !== path) return;
    this.#attached = undefined;
    this.#stopped.delete(path);
  }

  get #path(): DataPath | undefined {
    return this.#attached ?? this.#map;
  }
}
