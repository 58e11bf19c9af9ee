import type { NativeLane } from '../native/addon.js';

/**
 * Descriptors that a peer passed and nobody has taken yet. Closing them may wait for as long as the
 * peer likes (a FUSE file, unwritten pages of a device without paths), so a lane of its own does it.
 */
export class PassedFds {
  readonly #lane: Pick<NativeLane, 'close' | 'end'>;
  readonly #fds: number[] = [];
  readonly #closing = new Set<Promise<void>>();

  constructor(lane: Pick<NativeLane, 'close' | 'end'>) {
    this.#lane = lane;
  }

  /** Those that nobody has taken. */
  get length(): number {
    return this.#fds.length;
  }

  /** Those that are being closed. */
  get closing(): number {
    return this.#closing.size;
  }

  add(fds: readonly number[]): void {
    this.#fds.push(...fds);
  }

  /** The one that came first, the callee's now. */
  take(): number | undefined {
    return this.#fds.shift();
  }

  /** @param fd one that was taken */
  close(fd: number): void {
    // close(2) gives the number back whatever it reports.
    const closed: Promise<void> = this.#lane
      .close(fd)
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  closeAll(): void {
    for (const fd of this.#fds.splice(0)) this.close(fd);
  }

  /** Nothing more will come. Resolves when all are closed. */
  async end(): Promise<void> {
    this.closeAll();
    await Promise.all(this.#closing);
    this.#lane.end();
  }
}
