import type { PathTransport } from './transport.js';

/** One path of a logical unit, as the host sees it now. */
export interface Path {
  /**
   * Stays the same as long as the path is the same I_T nexus of this host: `2:0:0:1/session3` for
   * SCSI (a new iSCSI login is a new nexus), the subsystem's controller for NVMe.
   */
  readonly id: string;
  /** For messages: `sdc`. */
  readonly name: string;
  readonly state: PathState;
  /** Path group, in the order in which multipathd prefers them; 0 for the only one. */
  readonly group: number;
  readonly transport: PathTransport;
}

/** 'ghost': reachable for commands, but the array wants no data there (ALUA standby). */
export type PathState = 'up' | 'ghost' | 'down';

/** The paths of one logical unit. Dispatches `change` when one came, went or changed its state. */
export interface PathSource extends EventTarget {
  /** Fit for messages: `mpatha (3600140511111...)`. */
  readonly name: string;
  /** All of them, in the order in which they are to be tried. */
  paths(): readonly Path[];
}
