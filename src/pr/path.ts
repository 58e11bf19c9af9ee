import type { TransportId } from './transport-id.js';
import type { PathTransport } from './transport.js';

/** One path of a logical unit, as the host sees it now. */
export interface Path {
  /**
   * Stays the same as long as the path is the same I_T nexus of this host, also over a restart of
   * the host: both ports' names for iSCSI (with the session, since a new login is a new nexus) and
   * Fibre Channel, else the SCSI address; the subsystem and the host's id for NVMe.
   */
  readonly id: string;
  /** For messages: `sdc`. */
  readonly name: string;
  readonly state: PathState;
  /** Path group, in the order in which multipathd prefers them; 0 for the only one. */
  readonly group: number;
  readonly transport: PathTransport;
  /**
   * The host's port of this nexus as far as the host itself knows it, to compare with the device's
   * READ FULL STATUS by `couldBe` (fencing rule 12); undefined where it knows nothing.
   */
  readonly initiator?: TransportId | undefined;
  /**
   * How long the device may yet execute a command that came back without its answer, milliseconds,
   * whatever else it answers meanwhile; Infinity: nobody knows. Undefined: until a later command on
   * the same nexus has ended (fencing rule 10).
   */
  readonly lateExecutionMs?: number | undefined;
}

/** 'ghost': reachable for commands, but the array wants no data there (ALUA standby). */
export type PathState = 'up' | 'ghost' | 'down';

/**
 * The paths of one logical unit. Dispatches `change` when one came, went or changed its state, or
 * something began that may change them.
 */
export interface PathSource extends EventTarget {
  /** Fit for messages: `mpatha (3600140511111...)`. */
  readonly name: string;
  /** All of them, in the order in which they are to be tried. */
  paths(): readonly Path[];
}
