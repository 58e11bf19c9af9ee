/** How a command meets a reservation held by somebody else (SPC-4 table 64, SBC-3 table 13). */
export type CommandAccess =
  /** Conflicts with nothing: INQUIRY, REPORT LUNS, REQUEST SENSE ... */
  | 'never-conflicts'
  /** Conflicts with RESERVE(6) but with no persistent reservation: TEST UNIT READY ... */
  | 'legacy-conflicts'
  /** Takes from the medium or from what a mode page says: needs read access. */
  | 'reads'
  /** Changes the medium or the logical unit: needs write access. */
  | 'writes'
  /** PERSISTENT RESERVE IN and OUT, RESERVE and RELEASE: the reservation machine decides. */
  | 'reservation-command';

/** What one nexus may do with the medium. */
export interface MediumAccess {
  readonly reads: boolean;
  readonly writes: boolean;
}
