import type { NexusId } from '../pr/nexus.js';
import type { HostIdentifier } from './host-identifier.js';

/** The host that an NVMe front end serves. */
export interface ServedHost {
  /** As READ FULL STATUS names it. */
  readonly nexusId: NexusId;
  /** 32 digits, as it gave them at Connect or by Set Features. */
  readonly hostId: HostIdentifier;
}
