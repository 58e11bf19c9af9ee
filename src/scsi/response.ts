/** An outcome in the form in which a virtio-scsi response carries it. */
import type { CommandOutcome, ScsiStatus } from './command-outcome.js';
import { encodeSense, type SenseFormat } from './sense.js';

export interface ScsiResponse {
  readonly status: ScsiStatus;
  /** At most 96 bytes, as virtio-scsi's sense buffer. */
  readonly sense: Buffer;
  /** Cut to the CDB's allocation length; whether the initiator's buffers hold it is not known. */
  readonly dataIn: Buffer;
}

const noSenseData = Buffer.alloc(0);

export function respond(outcome: CommandOutcome, format: SenseFormat): ScsiResponse {
  const { status, dataIn, sense } = outcome;
  return { status, dataIn, sense: sense === undefined ? noSenseData : encodeSense(sense, format) };
}
