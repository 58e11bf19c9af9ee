import { endsWithin } from '../util/ends-within.js';
import type { DataPath } from './data-path.js';

/** How often a lease is renewed within its time. */
const renewalsPerLease = 3;

/** What a client is told of its data path. */
export interface LeaseMessages {
  /** @param leaseMs how long the client may wait for the next of these or for `resume` */
  quiesce(id: number, leaseMs: number): void;
  resume(id: number, epoch: string): void;
  conflicts(way: 'judge' | 'answer'): void;
}

/**
 * The data path of a client that serves a guest itself: it stops when asked, says so, and goes on
 * only when told (fencing rule 20). The lease tells the client whether the daemon still lives. A
 * client whose connection ends stays as it was: stopped if it had said so, else nobody knows.
 */
export class QuiesceLease implements DataPath {
  readonly #messages: LeaseMessages;
  readonly #leaseMs: number;
  #id = 0;
  #state: 'running' | 'stopping' | 'stopped' = 'running';
  #connected = true;
  #renewal: NodeJS.Timeout | undefined;
  #settled: (() => void)[] = [];

  /** @param leaseMs milliseconds from one `quiesce` within which the next must come */
  constructor(messages: LeaseMessages, leaseMs: number) {
    this.#messages = messages;
    this.#leaseMs = leaseMs;
  }

  stop(): void {
    if (this.#state !== 'running' || !this.#connected) return;
    this.#id++;
    this.#state = 'stopping';
    const tell = () => {
      this.#messages.quiesce(this.#id, this.#leaseMs);
    };
    tell();
    this.#renewal = setInterval(tell, this.#leaseMs / renewalsPerLease);
  }

  async stopped(timeoutMs: number): Promise<boolean> {
    if (this.#state === 'stopping' && this.#connected) await this.#settle(timeoutMs);
    return this.#state === 'stopped';
  }

  resume(epoch: string): void {
    if (this.#state === 'running' || !this.#connected) return;
    clearInterval(this.#renewal);
    this.#state = 'running';
    this.#messages.resume(this.#id, epoch);
    this.#tellWaiting();
  }

  setConflicts(way: 'judge' | 'answer'): void {
    if (this.#connected) this.#messages.conflicts(way);
  }

  /** The client says that nothing of its data is inside the kernel. @param id of that `quiesce` */
  confirm(id: number): void {
    if (this.#state !== 'stopping' || !this.#connected || id !== this.#id) return;
    this.#state = 'stopped';
    this.#tellWaiting();
  }

  /** The connection has ended. */
  lose(): void {
    this.#connected = false;
    clearInterval(this.#renewal);
    this.#tellWaiting();
  }

  async #settle(timeoutMs: number): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.#settled.push(resolve);
    });
    await endsWithin(settled, timeoutMs);
  }

  #tellWaiting(): void {
    for (const resolve of this.#settled.splice(0)) resolve();
  }
}
