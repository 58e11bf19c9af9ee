/** REPORT LUNS (SPC-4 §6.33). */
import type { Cdb } from './cdb.js';
import { checkCondition, type CommandOutcome, goodWith } from './command-outcome.js';
import { encodeLun, encodeReportLunsWellKnown } from './lun.js';
import { invalidCdbField } from './sense.js';

/** SELECT REPORT codes; the others ask for kinds of logical units that there are none of here. */
const selectReport = { ordinary: 0x00, wellKnown: 0x01, all: 0x02 } as const;

/** @param luns of the target, ascending */
export function reportLuns(cdb: Cdb, luns: readonly number[]): CommandOutcome {
  const list = selected(cdb.byte(2), luns);
  if (list === undefined) return checkCondition(invalidCdbField(2));
  const entries = Buffer.concat(list);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(entries.length, 0);
  return goodWith(Buffer.concat([header, entries]), cdb.uint32(6));
}

function selected(code: number, luns: readonly number[]): Buffer[] | undefined {
  switch (code) {
    case selectReport.ordinary:
      return luns.map(encodeLun);
    case selectReport.wellKnown:
      return [encodeReportLunsWellKnown()];
    case selectReport.all:
      return [...luns.map(encodeLun), encodeReportLunsWellKnown()];
    default:
      return undefined;
  }
}
