import { endsWithin } from '../util/ends-within.js';
import type { DataPath } from './data-path.js';

/** The way to the process that suspends maps, see `suspend-guard.ts`. */
export interface GuardProcess {
  /** Input of the guard; dropped if it has ended. */
  send(line: string): void;
  close(): void;
}

export interface MapSuspenderOptions {
  /** Starts a guard; `onEnd` is called when it has ended, unless it was closed. */
  readonly start: (onLine: (line: string) => void, onEnd: () => void) => GuardProcess;
  readonly onTrouble: (message: string) => void;
}

/** Holds up foreign data paths by suspending the maps that they pass. */
export class MapSuspender {
  readonly #options: MapSuspenderOptions;
  readonly #paths = new Map<string, SuspendedMap>();
  #guard: GuardProcess;

  constructor(options: MapSuspenderOptions) {
    this.#options = options;
    this.#guard = this.#start();
  }

  /** @param map `major:minor` */
  dataPath(map: string): DataPath {
    const known = this.#paths.get(map);
    if (known !== undefined) return known;
    const path = new SuspendedMap(map, (line) => {
      this.#guard.send(line);
    });
    this.#paths.set(map, path);
    return path;
  }

  /** All maps are resumed by the guard. */
  close(): void {
    this.#guard.close();
  }

  #start(): GuardProcess {
    const { start, onTrouble } = this.#options;
    return start(
      (line) => {
        this.#receive(line);
      },
      () => {
        // The new one resumes what the old one had suspended.
        onTrouble('the process that suspends maps ended: it is started again');
        for (const path of this.#paths.values()) path.lose();
        this.#guard = this.#start();
      },
    );
  }

  #receive(line: string): void {
    const [event, map = '', turn, ...reason] = line.split(' ');
    const path = this.#paths.get(map);
    if (event === 'suspended') path?.suspended(Number(turn));
    else path?.resumed(Number(turn));
    if (event === 'failed') this.#options.onTrouble(`map ${map}: ${reason.join(' ')}`);
  }
}

class SuspendedMap implements DataPath {
  readonly #map: string;
  readonly #send: (line: string) => void;
  #state: 'running' | 'stopping' | 'stopped' = 'running';
  /** Tells answers to this suspension from those to an older one. */
  #turn = 0;
  #waiting: (() => void)[] = [];

  constructor(map: string, send: (line: string) => void) {
    this.#map = map;
    this.#send = send;
  }

  stop(): void {
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    this.#turn++;
    this.#send(`suspend ${this.#map} ${this.#turn}`);
  }

  async stopped(timeoutMs: number): Promise<boolean> {
    if (this.#state === 'stopping') {
      const settled = new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
      await endsWithin(settled, timeoutMs);
    }
    return this.#isStopped();
  }

  resume(): void {
    if (this.#state === 'running') return;
    this.#send(`resume ${this.#map} ${this.#turn}`);
    this.lose();
  }

  /** Nobody of those behind a map knows what to do with it. */
  setConflicts(): void {
    return;
  }

  suspended(turn: number): void {
    if (turn !== this.#turn || this.#state !== 'stopping') return;
    this.#state = 'stopped';
    this.#tellWaiting();
  }

  /** By the guard itself, for it took too long or went wrong. */
  resumed(turn: number): void {
    if (turn === this.#turn) this.lose();
  }

  /** It is held up no more. */
  lose(): void {
    this.#state = 'running';
    this.#tellWaiting();
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #tellWaiting(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
