import type { FencePosition, NativeFence } from '../native/addon.js';
import type { DataGate } from '../pr/data-gate.js';
import { endsWithin } from '../util/ends-within.js';

/** The native epoch has 32 bits; what is this far behind has ended long ago. */
const epochs = 2 ** 32;

/**
 * The native fence of the one guest of a device with reservations of its own: the device decides
 * what the guest may do, the gate when. Without a guest nothing can be inside.
 */
export class FenceGate implements DataGate {
  /** The writer lock keeps other processes of this host out. */
  readonly holdsAll = true;
  onConflict: () => void = () => undefined;
  #fence: NativeFence | undefined;
  #position: Required<FencePosition> = {
    reads: true,
    writes: true,
    attentionPending: false,
    held: false,
    epoch: 0,
    judgesConflicts: false,
  };

  /** @param fence that calls `onConflict`; undefined: the guest is gone and all of it has ended */
  set fence(fence: NativeFence | undefined) {
    this.#fence = fence;
    this.#set({});
  }

  /** The guest's next command must come to the control plane, which owes it a unit attention. */
  set attentionPending(attentionPending: boolean) {
    this.#set({ attentionPending });
  }

  set conflicts(way: 'judge' | 'answer') {
    this.#set({ judgesConflicts: way === 'judge' });
  }

  close(): void {
    this.#set({ held: true });
  }

  open(): void {
    this.#set({ held: false });
  }

  beginEpoch(): void {
    this.#set({ epoch: (this.#position.epoch + 1) % epochs });
  }

  async drained(timeoutMs: number): Promise<boolean> {
    if (this.#fence === undefined) return true;
    return endsWithin(this.#fence.drained(), timeoutMs);
  }

  #set(change: Partial<FencePosition>): void {
    this.#position = { ...this.#position, ...change };
    this.#fence?.set(this.#position);
  }
}
