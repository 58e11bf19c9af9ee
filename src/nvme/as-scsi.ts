/**
 * NVMe reservation commands as the SCSI commands that do the same, for an NVMe front end whose
 * reservations are the core's: a generator that yields them one after the other and is given what
 * became of each.
 */
import type { PrCommand } from '../pr/command.js';
import { checkCondition, type PrInData, type PrOutcome } from '../pr/outcome.js';
import { internalTargetFailure } from '../pr/sense.js';
import type {
  AcquireCommand,
  NvmeReservationCommand,
  RegisterCommand,
  ReleaseCommand,
  ReportCommand,
} from './reservation-command.js';
import { encodeReport } from './reservation-report.js';
import type { ServedHost } from './served-host.js';
import { doNotRetry, nvmeStatus } from './status.js';
import { statusOf } from './status-of-outcome.js';
import { fullStatusAsReport } from './full-status-as-report.js';

export type ScsiProgram<Result = ScsiCompletion> = Generator<PrCommand, Result, PrOutcome>;

export interface ScsiCompletion {
  /** With its flags. */
  readonly status: number;
  /** What a Report returns, cut to the length that was asked for. */
  readonly data: Buffer;
}

const nothing = Buffer.alloc(0);
const invalidField: ScsiCompletion = {
  status: nvmeStatus.invalidField | doNotRetry,
  data: nothing,
};
const conflict: ScsiCompletion = {
  status: nvmeStatus.reservationConflict | doNotRetry,
  data: nothing,
};

export function* asScsi(command: NvmeReservationCommand, host: ServedHost): ScsiProgram {
  switch (command.command) {
    case 'register':
      return yield* register(command, host);
    case 'acquire':
      return yield* acquire(command);
    case 'release':
      return yield* release(command);
    case 'report':
      return yield* report(command, host);
  }
}

function* register(command: RegisterCommand, host: ServedHost): ScsiProgram {
  const { action, currentKey, ignoreExistingKey, newKey } = command;
  // To SCSI a key of zero is none: nobody can register it, and nobody has it.
  if (action !== 'unregister' && newKey === 0n) return invalidField;
  if (action === 'register') return yield* registerNew(command);
  const sark = action === 'unregister' ? 0n : newKey;
  if (!ignoreExistingKey) {
    return currentKey === 0n ? conflict : yield* registerOver(command, currentKey, sark);
  }
  // To SCSI it is no error that there is nothing to be ignored.
  const own = yield* ownKey(host);
  if (own.failure !== undefined) return completed(own.failure);
  return own.key === undefined ? conflict : yield* registerOver(command, own.key, sark);
}

/** A host may register the key it has: to SCSI that is a replacement of the key by itself. */
function* registerNew(command: RegisterCommand): ScsiProgram {
  const first = yield* registerOver(command, 0n, command.newKey);
  const isConflict = first.status === conflict.status;
  return isConflict ? yield* registerOver(command, command.newKey, command.newKey) : first;
}

function* registerOver(
  { persistence }: RegisterCommand,
  prkey: bigint,
  serviceActionKey: bigint,
): ScsiProgram {
  const flags = { allTgPt: false, specIPt: undefined };
  if (persistence !== 'unchanged') {
    const aptpl = persistence === 'set';
    return completed(yield { action: 'register', prkey, serviceActionKey, aptpl, ...flags });
  }
  const active = yield* persistsNow();
  if (active.failure !== undefined) return completed(active.failure);
  const { aptpl } = active;
  return completed(yield { action: 'register', prkey, serviceActionKey, aptpl, ...flags });
}

function* acquire({ action, type, currentKey, preemptKey }: AcquireCommand): ScsiProgram {
  const reservation = { scope: 'logical-unit', type, prkey: currentKey } as const;
  return completed(
    action === 'acquire'
      ? yield { action: 'reserve', ...reservation }
      : yield { action, serviceActionKey: preemptKey, ...reservation },
  );
}

function* release({ action, type, currentKey: prkey }: ReleaseCommand): ScsiProgram {
  return completed(
    action === 'clear'
      ? yield { action, prkey }
      : yield { action, prkey, scope: 'logical-unit', type },
  );
}

/** Registrants have identifiers of 128 bits here, which no other Report has room for. */
function* report({ extended, length }: ReportCommand, host: ServedHost): ScsiProgram {
  if (!extended) {
    return { status: nvmeStatus.hostIdentifierInconsistentFormat | doNotRetry, data: nothing };
  }
  const status = yield* read('read-full-status');
  if (status.failure !== undefined) return completed(status.failure);
  const active = yield* persistsNow();
  if (active.failure !== undefined) return completed(active.failure);
  const data = encodeReport(fullStatusAsReport(status.data, active.aptpl, host), true);
  return { status: nvmeStatus.success, data: data.subarray(0, length) };
}

type Read<Value> = (Value & { readonly failure?: never }) | { readonly failure: PrOutcome };

function* ownKey({ nexusId }: ServedHost): ScsiProgram<Read<{ key: bigint | undefined }>> {
  const { data, failure } = yield* read('read-full-status');
  if (failure !== undefined) return { failure };
  return { key: data.registrations.find(({ nexus }) => nexus.id === nexusId)?.key };
}

function* persistsNow(): ScsiProgram<Read<{ aptpl: boolean }>> {
  const { data, failure } = yield* read('report-capabilities');
  if (failure !== undefined) return { failure };
  return { aptpl: data.capabilities.persistThroughPowerLossActive };
}

type DataOf<Action> = Extract<PrInData, { action: Action }>;

function* read<Action extends 'read-full-status' | 'report-capabilities'>(
  action: Action,
): ScsiProgram<
  | { readonly data: DataOf<Action>; readonly failure?: never }
  | { readonly data?: never; readonly failure: PrOutcome }
> {
  const outcome = yield { action };
  if (outcome.status !== 'good') return { failure: outcome };
  const { data } = outcome;
  if (data?.action !== action) return { failure: checkCondition(internalTargetFailure) };
  return { data: data as DataOf<Action> };
}

function completed(outcome: PrOutcome): ScsiCompletion {
  return { status: statusOf(outcome), data: nothing };
}
