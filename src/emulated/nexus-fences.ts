import type { NexusId } from '../pr/nexus.js';
import { endsWithin } from '../util/ends-within.js';
import type { AccessFence, FencePosition } from './access-fence.js';

/** The data plane's part of an access fence: the gate of one nexus. */
export interface NexusFence {
  set(position: FencePosition): void;
  /** Resolves when all that passed before the call has ended on the host's device. */
  drained(): Promise<void>;
}

/** The access fence of one logical unit, made of one gate for each attached nexus. */
export class NexusFences implements AccessFence {
  readonly #fences = new Map<NexusId, NexusFence>();

  /** @param fence closed until the nexus is attached to the reservations */
  add(nexusId: NexusId, fence: NexusFence): void {
    this.#fences.set(nexusId, fence);
  }

  /** To be called when nothing of the nexus is in flight any more. */
  remove(nexusId: NexusId): void {
    this.#fences.delete(nexusId);
  }

  /** @throws if the nexus was not added: it would go unfenced */
  set(nexusId: NexusId, position: FencePosition): void {
    const fence = this.#fences.get(nexusId);
    if (fence === undefined) throw new Error(`${nexusId} has no fence`);
    fence.set(position);
  }

  async drained(nexusId: NexusId, timeoutMs: number): Promise<boolean> {
    const fence = this.#fences.get(nexusId);
    if (fence === undefined) return true;
    return endsWithin(fence.drained(), timeoutMs);
  }
}
