/**
 * Which commands conflict with a persistent reservation of another nexus: the rows of SPC-4 table
 * 65 and SBC-3 table 13 for every command of the disk that is no reservation command.
 */
export interface ConflictRow {
  readonly command: string;
  /** The start of a CDB, hex; the rest is zeros. Those that move blocks move block 0. */
  readonly cdb: string;
  /**
   * A: allowed, C: RESERVATION CONFLICT. In the order of the tables' columns: from any nexus under
   * Write Exclusive, under Exclusive Access; from a registered nexus under the registrants only and
   * all registrants types; from one not registered under those of Write Exclusive, of Exclusive
   * Access.
   */
  readonly verdicts: string;
  /** Blocks that it takes from the initiator; 0 unless given. */
  readonly blocksOut?: number;
}

export const conflictTable: readonly ConflictRow[] = [
  // SPC-4 table 65
  { command: 'INQUIRY', cdb: '12', verdicts: 'AAAAA' },
  { command: 'MODE SELECT(6)', cdb: '15 10', verdicts: 'CCACC' },
  { command: 'MODE SELECT(10)', cdb: '55 10', verdicts: 'CCACC' },
  { command: 'MODE SENSE(6)', cdb: '1a 00 3f', verdicts: 'ACAAC' },
  { command: 'MODE SENSE(10)', cdb: '5a 00 3f', verdicts: 'ACAAC' },
  { command: 'PREVENT ALLOW MEDIUM REMOVAL (allow)', cdb: '1e 00 00 00 00', verdicts: 'AAAAA' },
  { command: 'PREVENT ALLOW MEDIUM REMOVAL (prevent)', cdb: '1e 00 00 00 01', verdicts: 'CCACC' },
  { command: 'REPORT LUNS', cdb: 'a0', verdicts: 'AAAAA' },
  { command: 'REPORT SUPPORTED OPERATION CODES', cdb: 'a3 0c', verdicts: 'ACAAC' },
  { command: 'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', cdb: 'a3 0d', verdicts: 'ACAAC' },
  { command: 'REQUEST SENSE', cdb: '03', verdicts: 'AAAAA' },
  { command: 'SEND DIAGNOSTIC', cdb: '1d 04', verdicts: 'CCACC' },
  { command: 'TEST UNIT READY', cdb: '00', verdicts: 'AAAAA' },
  // SBC-3 table 13
  {
    command: 'COMPARE AND WRITE',
    cdb: '89 00 0000000000000000 000000 01',
    verdicts: 'CCACC',
    blocksOut: 2,
  },
  { command: 'GET LBA STATUS', cdb: '9e 12', verdicts: 'ACAAC' },
  { command: 'PRE-FETCH(10)', cdb: '34', verdicts: 'ACAAC' },
  { command: 'PRE-FETCH(16)', cdb: '90', verdicts: 'ACAAC' },
  { command: 'READ(6)', cdb: '08 000000 01', verdicts: 'ACAAC' },
  { command: 'READ(10)', cdb: '28 00 00000000 00 0001', verdicts: 'ACAAC' },
  { command: 'READ(12)', cdb: 'a8 00 00000000 00000001', verdicts: 'ACAAC' },
  { command: 'READ(16)', cdb: '88 00 0000000000000000 00000001', verdicts: 'ACAAC' },
  { command: 'READ CAPACITY(10)', cdb: '25', verdicts: 'AAAAA' },
  { command: 'READ CAPACITY(16)', cdb: '9e 10', verdicts: 'AAAAA' },
  { command: 'START STOP UNIT (start)', cdb: '1b 00 00 00 01', verdicts: 'AAAAA' },
  { command: 'START STOP UNIT (stop)', cdb: '1b 00 00 00 00', verdicts: 'CCACC' },
  { command: 'START STOP UNIT (power condition)', cdb: '1b 00 00 00 11', verdicts: 'CCACC' },
  { command: 'SYNCHRONIZE CACHE(10)', cdb: '35', verdicts: 'CCACC' },
  { command: 'SYNCHRONIZE CACHE(16)', cdb: '91', verdicts: 'CCACC' },
  { command: 'UNMAP', cdb: '42', verdicts: 'CCACC' },
  { command: 'VERIFY(10)', cdb: '2f', verdicts: 'ACAAC' },
  { command: 'VERIFY(12)', cdb: 'af', verdicts: 'ACAAC' },
  { command: 'VERIFY(16)', cdb: '8f', verdicts: 'ACAAC' },
  { command: 'WRITE(6)', cdb: '0a 000000 01', verdicts: 'CCACC', blocksOut: 1 },
  { command: 'WRITE(10)', cdb: '2a 00 00000000 00 0001', verdicts: 'CCACC', blocksOut: 1 },
  { command: 'WRITE(12)', cdb: 'aa 00 00000000 00000001', verdicts: 'CCACC', blocksOut: 1 },
  { command: 'WRITE(16)', cdb: '8a 00 0000000000000000 00000001', verdicts: 'CCACC', blocksOut: 1 },
  {
    command: 'WRITE AND VERIFY(10)',
    cdb: '2e 00 00000000 00 0001',
    verdicts: 'CCACC',
    blocksOut: 1,
  },
  {
    command: 'WRITE AND VERIFY(12)',
    cdb: 'ae 00 00000000 00000001',
    verdicts: 'CCACC',
    blocksOut: 1,
  },
  {
    command: 'WRITE AND VERIFY(16)',
    cdb: '8e 00 0000000000000000 00000001',
    verdicts: 'CCACC',
    blocksOut: 1,
  },
  { command: 'WRITE SAME(10)', cdb: '41 00 00000000 00 0001', verdicts: 'CCACC', blocksOut: 1 },
  {
    command: 'WRITE SAME(16)',
    cdb: '93 00 0000000000000000 00000001',
    verdicts: 'CCACC',
    blocksOut: 1,
  },
];
