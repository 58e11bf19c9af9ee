/**
 * SCSI reservation commands as the NVMe commands that do the same. An NVMe registration is the host's,
 * on all of its controllers; a SCSI one is a nexus'.
 */
import type { PreemptCommand, PrCommand, ReleaseCommand, ReserveCommand } from '../pr/command.js';
import { good, goodWith, reservationConflict } from '../pr/outcome.js';
import {
  internalTargetFailure,
  invalidFieldInCdb,
  invalidReleaseOfPersistentReservation,
} from '../pr/sense.js';
import { capabilitiesOf } from './capabilities.js';
import { fetchReport } from './fetch-report.js';
import {
  answerOf,
  isConflict,
  type NvmeHost,
  type NvmeProgram,
  outcome,
  refused,
  single,
} from './nvme-program.js';
import { register, registerAndIgnore } from './registering.js';
import { reportAsScsi, type ReportedAction } from './report-as-scsi.js';
import { nvmeStatus } from './status.js';

export function* asNvme(command: PrCommand, host: NvmeHost): NvmeProgram {
  switch (command.action) {
    case 'read-keys':
    case 'read-reservation':
    case 'read-full-status':
      return yield* reading(command.action);
    case 'report-capabilities':
      return yield* capabilities(host);
    case 'register':
      return yield* register(command, host);
    case 'register-and-ignore-existing-key':
      return yield* registerAndIgnore(command, host);
    case 'reserve':
      return yield* reserve(command);
    case 'release':
      return yield* release(command, host);
    case 'clear': {
      const { prkey: currentKey } = command;
      return yield* single({ command: 'release', action: 'clear', type: undefined, currentKey });
    }
    case 'preempt':
    case 'preempt-and-abort':
      return yield* preempt(command);
    // NVMe has neither.
    case 'register-and-move':
    case 'replace-lost-reservation':
      return refused(invalidFieldInCdb);
  }
}

function* reading(action: ReportedAction): NvmeProgram {
  const { report, failure } = yield* fetchReport();
  if (failure !== undefined) return failure;
  return outcome(goodWith(reportAsScsi(action, report)));
}

function* capabilities({ reservationCapabilities: rescap }: NvmeHost): NvmeProgram {
  if (rescap === undefined) return refused(invalidFieldInCdb);
  const { report, failure } = yield* fetchReport();
  if (failure !== undefined) return failure;
  const capabilities = capabilitiesOf(rescap, report.persistsThroughPowerLoss);
  return outcome(goodWith({ action: 'report-capabilities', capabilities }));
}

function* reserve({ prkey, scope, type }: ReserveCommand): NvmeProgram {
  if (scope === undefined || type === undefined) return refused(invalidFieldInCdb);
  const keys = { currentKey: prkey, preemptKey: 0n };
  return yield* single({ command: 'acquire', action: 'acquire', type, ...keys });
}

/**
 * Looks afterwards whether the victim's key is gone. Linux' target (nvmet as it came with 6.13) tells
 * a holder that preempts another registrant of success, and leaves that registered: a fence that is
 * none must not look like one.
 */
function* preempt(command: PreemptCommand): NvmeProgram {
  const { action, prkey, serviceActionKey: victim, scope, type } = command;
  if (scope === undefined || type === undefined) return refused(invalidFieldInCdb);
  const keys = { currentKey: prkey, preemptKey: victim };
  const completion = yield { command: { command: 'acquire', action, type, ...keys } };
  const isForeign = victim !== 0n && victim !== prkey;
  if (completion.status !== nvmeStatus.success || !isForeign) return answerOf(completion);
  const { report, failure } = yield* fetchReport(true);
  if (failure !== undefined) return { kind: 'unknown', status: nvmeStatus.internalError };
  const isGone = report.registrants.every(({ key }) => key !== victim);
  return isGone ? outcome(good) : refused(internalTargetFailure);
}

/**
 * A wrong type is an invalid field to the specification and a conflict to nvmet. SCSI has a sense of
 * its own for it, and lets a registrant name any key where nothing is reserved. A Report tells.
 */
function* release({ prkey, scope, type }: ReleaseCommand, host: NvmeHost): NvmeProgram {
  if (scope === undefined || type === undefined) return refused(invalidFieldInCdb);
  const completion = yield {
    command: { command: 'release', action: 'release', type, currentKey: prkey },
  };
  const isRefusedType = completion.status === nvmeStatus.invalidField;
  if (isRefusedType) return refused(invalidReleaseOfPersistentReservation);
  if (!isConflict(completion)) return answerOf(completion);
  const { report, failure } = yield* fetchReport();
  if (failure !== undefined) return outcome(reservationConflict);
  const own = report.registrants.filter(({ key, hostId }) =>
    host.hostId === undefined ? key === prkey : hostId === host.hostId,
  );
  if (own.length > 0 && report.type === undefined) return outcome(good);
  const holds = own.some(({ holdsReservation, key }) => holdsReservation && key === prkey);
  return holds && report.type !== type
    ? refused(invalidReleaseOfPersistentReservation)
    : outcome(reservationConflict);
}
