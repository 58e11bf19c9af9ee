/**
 * What a command needs of the logical unit, and so which reservations it conflicts with (SPC-4
 * table 65, SBC-3 table 13). RESERVE(6) of somebody else admits 'never-conflicts' alone. There
 * targets differ: LIO lets nothing but INQUIRY and RELEASE pass, SCST also TEST UNIT READY, which
 * is followed here, for a path that answers TEST UNIT READY with a conflict looks broken.
 */
export type CommandAccess =
  /** Nothing: INQUIRY, TEST UNIT READY, REPORT LUNS, READ CAPACITY ... */
  | 'never-conflicts'
  /** To look at the medium or at what MODE SENSE and its like report. */
  | 'reads'
  /** To change the medium or the logical unit. */
  | 'writes'
  /** PERSISTENT RESERVE IN and OUT, RESERVE, RELEASE: `execute` of the logical unit decides. */
  | 'reservation-command';

/** What one nexus may do with the medium. */
export interface MediumAccess {
  readonly reads: boolean;
  readonly writes: boolean;
}
