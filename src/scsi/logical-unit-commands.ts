/** Commands about the state of the logical unit (SPC-4 §6, SBC-3 §5.25, §5.13). */
import type { CommandAccess } from '../pr/access.js';
import type { Cdb } from './cdb.js';
import type { CommandContext } from './command.js';
import { checkCondition, type CommandOutcome, good, goodWith } from './command-outcome.js';
import { encodeSense, invalidCdbField, noSense } from './sense.js';

/**
 * The disk is ready from the first command on. Clustering software sends it to collect the unit
 * attention of what others have done (fence_scsi before each of its commands), so they are looked
 * for.
 */
export async function testUnitReady({ unit, nexus }: CommandContext): Promise<CommandOutcome> {
  await unit.reservations.refresh();
  const attention = unit.reservations.unitAttentions(nexus).take();
  return attention === undefined ? good : checkCondition(attention);
}

/** Returns the oldest unit attention as data and so clears it (SPC-4 §6.39). */
export function requestSense({ unit, nexus, cdb }: CommandContext): CommandOutcome {
  const sense = unit.reservations.unitAttentions(nexus).take() ?? noSense;
  const format = cdb.flag(1, 0) ? 'descriptor' : 'fixed'; // DESC
  return goodWith(encodeSense(sense, format), cdb.byte(4));
}

const powerConditionStart = 0;

/** There is no motor and no medium to eject: START and stop change nothing. */
export function startStopUnit({ cdb }: CommandContext): CommandOutcome {
  if (cdb.bits(4, 7, 4) !== powerConditionStart) return checkCondition(invalidCdbField(4, 7));
  if (cdb.flag(4, 1)) return checkCondition(invalidCdbField(4, 1)); // LOEJ
  return good;
}

/** START with a power condition stands beside stop (SBC-3 table 13). */
export function startStopAccess(cdb: Cdb): CommandAccess {
  const starts = cdb.flag(4, 0) && cdb.bits(4, 7, 4) === powerConditionStart;
  return starts ? 'never-conflicts' : 'writes';
}

/** Accepted for those who send it to every disk; nothing here can be removed. */
export function preventAllowMediumRemoval({ cdb }: CommandContext): CommandOutcome {
  // 10b and 11b are obsolete: they were for changers.
  return cdb.bits(4, 1, 0) > 1 ? checkCondition(invalidCdbField(4, 1)) : good;
}

export function preventAllowAccess(cdb: Cdb): CommandAccess {
  return cdb.bits(4, 1, 0) === 0 ? 'never-conflicts' : 'writes';
}

/** The default self-test, which has nothing to find; no pages and no other tests. */
export function sendDiagnostic({ cdb }: CommandContext): CommandOutcome {
  if (cdb.bits(1, 7, 5) !== 0) return checkCondition(invalidCdbField(1, 7)); // SELF-TEST CODE
  if (cdb.uint16(3) !== 0) return checkCondition(invalidCdbField(3)); // PARAMETER LIST LENGTH
  return good;
}
