/**
 * The process that suspends maps for the daemon, so that they are resumed whatever becomes of it: at
 * the end of its input, after a time, and at the next start if this process is killed as well.
 *
 * Input and output are lines: `suspend 253:0 TURN`, `resume 253:0 TURN`; `suspended 253:0 TURN`,
 * `resumed 253:0 TURN`, `failed 253:0 TURN why`. A turn is what its asker numbered so.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../util/failure.js';

/** Much longer than any reservation command takes. */
const suspendedMaxMs = 30_000;

export type MapAction = 'suspend' | 'resume';

export interface SuspendGuardOptions {
  /**
   * Does it by the device mapper, those of one map in the order asked for. May take as long as the
   * map's paths do.
   */
  readonly act: (map: string, action: MapAction) => Promise<void>;
  /** Where suspended maps are noted: it must outlive the process, not the boot. */
  readonly folder: string;
  readonly answer: (line: string) => void;
}

interface Suspension {
  readonly turn: string;
  /** Resumes it in the end. */
  readonly timer: NodeJS.Timeout;
}

export class SuspendGuard {
  readonly #options: SuspendGuardOptions;
  readonly #suspended = new Map<string, Suspension>();
  readonly #resuming = new Set<Promise<void>>();

  /** @throws Error if `folder` can't be used */
  constructor(options: SuspendGuardOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    for (const map of readdirSync(options.folder)) if (isMap(map)) this.#resume(map, '0');
  }

  /** One line of input. */
  receive(line: string): void {
    const [action, map = '', turn = ''] = line.split(' ');
    if (!isMap(map)) return;
    if (action === 'suspend') void this.#suspend(map, turn);
    if (action === 'resume') this.#resume(map, turn);
  }

  /** No more input: resumes all; resolves when that is done. */
  async end(): Promise<void> {
    for (const [map, { turn }] of this.#suspended) this.#resume(map, turn);
    await Promise.all(this.#resuming);
  }

  async #suspend(map: string, turn: string): Promise<void> {
    const { act, folder, answer } = this.#options;
    clearTimeout(this.#suspended.get(map)?.timer);
    const timer = setTimeout(() => {
      this.#resume(map, turn);
    }, suspendedMaxMs);
    const suspension = { turn, timer };
    this.#suspended.set(map, suspension);
    try {
      writeFileSync(join(folder, map), '');
      await act(map, 'suspend');
      if (this.#suspended.get(map) === suspension) answer(`suspended ${map} ${turn}`);
    } catch (error) {
      answer(`failed ${map} ${turn} ${messageOf(error)}`);
      // A suspension that failed may have begun.
      if (this.#suspended.get(map) === suspension) this.#resume(map, turn);
    }
  }

  #resume(map: string, turn: string): void {
    const { act, folder, answer } = this.#options;
    clearTimeout(this.#suspended.get(map)?.timer);
    this.#suspended.delete(map);
    const resumed: Promise<void> = act(map, 'resume')
      .then(() => {
        if (!this.#suspended.has(map)) rmSync(join(folder, map), { force: true });
        answer(`resumed ${map} ${turn}`);
      })
      .catch((error: unknown) => {
        answer(`failed ${map} ${turn} ${messageOf(error)}`);
      })
      .finally(() => this.#resuming.delete(resumed));
    this.#resuming.add(resumed);
  }
}

function isMap(text: string): boolean {
  return /^\d+:\d+$/.test(text);
}
