import { internalTargetFailure } from '../pr/sense.js';
import { answerOf, type NvmeAnswer, type NvmeProgram, refused } from './nvme-program.js';
import { reportLengthMax } from './reservation-command.js';
import { decodeReport, type ReservationReport } from './reservation-report.js';
import { nvmeStatus } from './status.js';

export type Fetched =
  | { readonly report: ReservationReport; readonly failure?: never }
  | { readonly report?: never; readonly failure: NvmeAnswer };

/** Room for 63 registrants with EDS. Bytes. */
const usualLength = 4096;

/** How a controller of host identifiers of 64 bits may refuse EDS. */
const refusalsOfExtended: readonly number[] = [
  nvmeStatus.invalidField,
  nvmeStatus.hostIdentifierInconsistentFormat,
];

/**
 * A whole Reservation Report, with host identifiers of 128 bits where the controller has them.
 * @param afterEffect as in `NvmeStep`
 */
export function* fetchReport(afterEffect = false): NvmeProgram<Fetched> {
  for (const extended of [true, false]) {
    for (const length of [usualLength, reportLengthMax]) {
      const completion = yield { command: { command: 'report', extended, length }, afterEffect };
      if (extended && refusalsOfExtended.includes(completion.status)) break;
      if (completion.status !== nvmeStatus.success) return { failure: answerOf(completion) };
      const reading = decodeReport(completion.data, extended);
      if (reading.kind === 'whole') return { report: reading.report };
      if (reading.kind === 'malformed') return { failure: refused(internalTargetFailure) };
    }
  }
  return { failure: refused(internalTargetFailure) };
}
