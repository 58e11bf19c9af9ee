import type { MediumAccess } from '../pr/access.js';
import type { NexusId } from '../pr/nexus.js';

export interface FencePosition extends MediumAccess {
  /** The nexus' next command must come to the control plane, which owes it a unit attention. */
  readonly attentionPending: boolean;
}

/**
 * The gate in the data plane that every read and write of a nexus passes: it counts the request as
 * in flight, then looks at the position (both sequentially consistent), so one that saw the fence
 * open is seen by `drained`.
 */
export interface AccessFence {
  /** Has effect on every request that comes after; synchronous. */
  set(nexusId: NexusId, position: FencePosition): void;
  /**
   * Resolves to true once every read and write of this nexus that passed before the call has ended
   * on the host's device, whether it was held, throttled or with the kernel; requests that pass
   * later are not waited for. A nexus that the data plane does not know has nothing in flight.
   * @param timeoutMs milliseconds; resolves to false if it takes longer
   */
  drained(nexusId: NexusId, timeoutMs: number): Promise<boolean>;
}
