import type { DataGate } from '../pr/data-gate.js';

/** How long one look at the drain lasts, milliseconds; then it is looked at again. */
const drainSliceMs = 1_000;

export interface GuestGateEvents {
  /** The guest's data stands still. @param id of that `quiesce` */
  onStopped(id: number): void;
  /** The daemon has not been heard of although data waits for it. */
  onLeaseEnd(): void;
}

/**
 * A guest's gate in the daemon's hands (fencing rule 20): closed until the daemon has verified the
 * state, closed when it says so, opened by nobody else. If the daemon is lost it closes, too: the
 * next one may have to settle what the last one began before it knows of this guest.
 */
export class GuestGate {
  readonly #gate: DataGate;
  readonly #events: GuestGateEvents;
  #id: number | undefined;
  #epoch: string | undefined;
  #lease: NodeJS.Timeout | undefined;

  constructor(gate: DataGate, events: GuestGateEvents) {
    this.#gate = gate;
    this.#events = events;
    gate.close();
  }

  /** @param leaseMs milliseconds until the next of these or `resume` must have come */
  quiesce(id: number, leaseMs: number): void {
    clearTimeout(this.#lease);
    this.#lease = setTimeout(() => {
      this.#events.onLeaseEnd();
    }, leaseMs);
    if (id === this.#id) return;
    this.#id = id;
    this.#gate.close();
    void this.#drain(id);
  }

  /** The state is verified: data may pass. One that answers an older `quiesce` is not meant. */
  resume(id: number, epoch: string): void {
    if (id !== this.#id) return;
    clearTimeout(this.#lease);
    this.#id = undefined;
    if (epoch !== this.#epoch) this.#gate.beginEpoch(epoch);
    this.#epoch = epoch;
    this.#gate.open();
  }

  /** The connection to the daemon has ended. */
  lose(): void {
    clearTimeout(this.#lease);
    this.#id = undefined;
    this.#gate.close();
  }

  set conflicts(way: 'judge' | 'answer') {
    this.#gate.conflicts = way;
  }

  async #drain(id: number): Promise<void> {
    while (this.#id === id) {
      if (!(await this.#gate.drained(drainSliceMs))) continue;
      if (this.#id === id) this.#events.onStopped(id);
      return;
    }
  }
}
