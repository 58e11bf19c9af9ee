import type { DataGate } from '../pr/data-gate.js';
import type { DataState } from './step.js';

/** Closes the gate for the guest's data while a step needs that, and opens it again. */
export class GateKeeper {
  readonly #gate: DataGate;
  #closed = true;
  #drained = false;
  #epoch: number;

  /**
   * Closes the gate: whether the guest may write is not known yet.
   * @param epoch of the guest's registration; without one a number that no registration had
   */
  constructor(gate: DataGate, epoch: number) {
    this.#gate = gate;
    this.#epoch = epoch;
    gate.close();
    gate.beginEpoch(String(epoch));
  }

  /** Of the guest's registration, 0 to 2^32-1. */
  get epoch(): number {
    return this.#epoch;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#drained = false;
    this.#gate.close();
  }

  /**
   * Brings the data to that state.
   * @param timeoutMs for draining, milliseconds
   * @returns 'busy' if something of it is still inside the kernel, and the gate stays closed then;
   *   'refused' if data does not pass this gate
   */
  async prepare(state: DataState, timeoutMs: number): Promise<'ready' | 'busy' | 'refused'> {
    if (state === 'any') return 'ready';
    if (state === 'drained' && !this.#gate.holdsAll) return 'refused';
    if (!this.#closed) this.close();
    // What passes elsewhere can't be waited for.
    if (!this.#drained) {
      this.#drained = !this.#gate.holdsAll || (await this.#gate.drained(timeoutMs));
    }
    if (!this.#drained) return 'busy';
    if (state === 'new-epoch') this.beginEpoch();
    return 'ready';
  }

  /** What passed before and meets a conflict is answered with it. */
  beginEpoch(): void {
    this.#epoch = (this.#epoch + 1) >>> 0;
    this.#gate.beginEpoch(String(this.#epoch));
  }

  /** @param judged whether a conflict is worth a look: the guest is registered */
  set conflictsAreJudged(judged: boolean) {
    this.#gate.conflicts = judged ? 'judge' : 'answer';
  }

  open(): void {
    if (!this.#closed) return;
    this.#closed = false;
    this.#drained = false;
    this.#gate.open();
  }
}
