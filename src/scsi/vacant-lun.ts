/** What answers where no disk is: LUNs that are not there, and the one that reports the others. */
import { Cdb } from './cdb.js';
import { checkCondition, type CommandOutcome, good, goodWith } from './command-outcome.js';
import { placeholderData } from './inquiry.js';
import type { LunAddress } from './lun.js';
import { reportLuns } from './report-luns.js';
import {
  encodeSense,
  invalidCdbField,
  invalidCommandOperationCode,
  logicalUnitNotSupported,
  noSense,
  type ScsiSense,
} from './sense.js';

const opcodes = {
  testUnitReady: 0x00,
  requestSense: 0x03,
  inquiry: 0x12,
  reportLuns: 0xa0,
} as const;

/** PERIPHERAL QUALIFIER and PERIPHERAL DEVICE TYPE (SPC-4 §6.6.2). */
const peripherals = {
  wellKnown: 0x1e,
  /** A disk could be here and is not: for LUN 0, so that the target is still scanned. */
  notConnected: 0x3f,
  notCapable: 0x7f,
} as const;

/**
 * @param address not of a disk
 * @param luns of the target, ascending
 */
export function executeVacant(
  address: LunAddress,
  sentCdb: Uint8Array,
  luns: readonly number[],
): CommandOutcome {
  const cdb = new Cdb(sentCdb);
  return address.kind === 'report-luns'
    ? executeWellKnown(cdb, luns)
    : executeAbsent(cdb, luns, address.kind === 'logical-unit' && address.lun === 0);
}

function executeWellKnown(cdb: Cdb, luns: readonly number[]): CommandOutcome {
  switch (cdb.opcode) {
    case opcodes.testUnitReady:
      return good;
    case opcodes.requestSense:
      return senseAsData(cdb, noSense);
    case opcodes.inquiry:
      return placeholder(cdb, peripherals.wellKnown);
    case opcodes.reportLuns:
      return reportLuns(cdb, luns);
    default:
      return checkCondition(invalidCommandOperationCode);
  }
}

// SPC-4 §6.6.1, §6.39: INQUIRY and REQUEST SENSE tell of the missing unit in their data. REPORT
// LUNS must be had at LUN 0, be there a disk or not.
function executeAbsent(cdb: Cdb, luns: readonly number[], isLun0: boolean): CommandOutcome {
  switch (cdb.opcode) {
    case opcodes.requestSense:
      return senseAsData(cdb, logicalUnitNotSupported);
    case opcodes.inquiry:
      return placeholder(cdb, isLun0 ? peripherals.notConnected : peripherals.notCapable);
    case opcodes.reportLuns:
      return isLun0 ? reportLuns(cdb, luns) : checkCondition(logicalUnitNotSupported);
    default:
      return checkCondition(logicalUnitNotSupported);
  }
}

function placeholder(cdb: Cdb, peripheral: number): CommandOutcome {
  if (cdb.bits(1, 1, 0) !== 0) return checkCondition(invalidCdbField(1, 1)); // CMDDT, EVPD
  if (cdb.byte(2) !== 0) return checkCondition(invalidCdbField(2));
  return goodWith(placeholderData(peripheral), cdb.uint16(3));
}

function senseAsData(cdb: Cdb, sense: ScsiSense): CommandOutcome {
  const format = cdb.flag(1, 0) ? 'descriptor' : 'fixed'; // DESC
  return goodWith(encodeSense(sense, format), cdb.byte(4));
}
