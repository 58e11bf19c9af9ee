/** A SCSI reservation command as NVMe commands, one after the other. */
import { checkCondition, good, type PrOutcome, reservationConflict } from '../pr/outcome.js';
import { invalidFieldInParameterList, type Sense } from '../pr/sense.js';
import type { HostIdentifier } from './host-identifier.js';
import type { NvmeReservationCommand } from './reservation-command.js';
import { nvmeStatus } from './status.js';

/** Yields commands and is given what became of each. */
export type NvmeProgram<Result = NvmeAnswer> = Generator<NvmeStep, Result, NvmeCompletion>;

export interface NvmeStep {
  readonly command: NvmeReservationCommand;
  /** The one before has done what was asked; this looks whether that is so. */
  readonly afterEffect?: boolean;
}

export interface NvmeCompletion {
  /** Without flags, see `statusMask`. */
  readonly status: number;
  /** What a Report returned. */
  readonly data: Buffer;
}

export type NvmeAnswer =
  | { readonly kind: 'outcome'; readonly outcome: PrOutcome }
  /** A status that does not say whether the command was executed. */
  | { readonly kind: 'unknown'; readonly status: number };

/** What is known of this host and of the namespace. */
export interface NvmeHost {
  /** undefined: its registration can't be told from others'. */
  readonly hostId: HostIdentifier | undefined;
  /** RESCAP of Identify Namespace; undefined: not known. */
  readonly reservationCapabilities: number | undefined;
}

export function outcome(of: PrOutcome): NvmeAnswer {
  return { kind: 'outcome', outcome: of };
}

export function refused(sense: Sense): NvmeAnswer {
  return outcome(checkCondition(sense));
}

export function isConflict({ status }: NvmeCompletion): boolean {
  return status === nvmeStatus.reservationConflict;
}

/** Statuses that say: not executed. Sense key, additional sense code and qualifier. */
const refusals: ReadonlyMap<number, Sense> = new Map([
  [nvmeStatus.invalidOpcode, { senseKey: 0x5, asc: 0x20, ascq: 0x00 }],
  [nvmeStatus.invalidField, invalidFieldInParameterList],
  [nvmeStatus.invalidNamespace, { senseKey: 0x5, asc: 0x25, ascq: 0x00 }],
  [nvmeStatus.namespaceNotReady, { senseKey: 0x2, asc: 0x04, ascq: 0x00 }],
  [nvmeStatus.asymmetricAccessPersistentLoss, { senseKey: 0x2, asc: 0x04, ascq: 0x0c }],
  [nvmeStatus.asymmetricAccessInaccessible, { senseKey: 0x2, asc: 0x04, ascq: 0x0c }],
  [nvmeStatus.asymmetricAccessTransition, { senseKey: 0x2, asc: 0x04, ascq: 0x0a }],
]);

export function answerOf({ status }: NvmeCompletion): NvmeAnswer {
  if (status === nvmeStatus.success) return outcome(good);
  if (status === nvmeStatus.reservationConflict) return outcome(reservationConflict);
  const sense = refusals.get(status);
  return sense === undefined ? { kind: 'unknown', status } : refused(sense);
}

export function* single(command: NvmeReservationCommand): NvmeProgram {
  return answerOf(yield { command });
}
