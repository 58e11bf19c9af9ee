/** Reservation commands as the `scsi` method carries them, with all that a device can answer. */
import * as v from 'valibot';
import type { PrCommand } from '../pr/command.js';
import { isPrIn } from '../pr/command.js';
import {
  busy,
  checkCondition,
  type PrOutcome,
  reservationConflict,
  taskSetFull,
} from '../pr/outcome.js';
import { internalTargetFailure } from '../pr/sense.js';
import { scsiStatus } from '../scsi/command-outcome.js';
import { encodeRequest } from '../scsi/initiator-command.js';
import { decodePrInData } from '../scsi/persistent-reserve-in-data.js';
import { decodeSense } from '../scsi/received-sense.js';

/** All that PERSISTENT RESERVE IN can ask for. */
const allocationLength = 0xffff;

const hex = v.pipe(
  v.string(),
  v.regex(/^([0-9a-f]{2})*$/),
  v.transform((text) => Buffer.from(text, 'hex')),
);
const resultSchema = v.object({ status: v.number(), sense: hex, dataIn: hex });

/** @returns hexadecimal */
export function cdbOf(command: PrCommand): { cdb: string; dataOut: string } {
  const { cdb, dataOut } = encodeRequest(
    isPrIn(command)
      ? { kind: 'persistent-reserve-in', action: command.action, allocationLength }
      : { kind: 'persistent-reserve-out', command },
  );
  return { cdb: cdb.toString('hex'), dataOut: dataOut.toString('hex') };
}

/** @param result what the daemon answered, unchecked */
export function outcomeOf(command: PrCommand, result: unknown): PrOutcome {
  const checked = v.safeParse(resultSchema, result);
  if (!checked.success) return checkCondition(internalTargetFailure);
  const { status, sense, dataIn } = checked.output;
  switch (status) {
    case scsiStatus.good:
      return isPrIn(command) ? reportOf(command.action, dataIn) : { status: 'good' };
    case scsiStatus.reservationConflict:
      return reservationConflict;
    case scsiStatus.busy:
      return busy;
    case scsiStatus.taskSetFull:
      return taskSetFull;
    default:
      return checkCondition(decodeSense(sense) ?? internalTargetFailure);
  }
}

function reportOf(action: Parameters<typeof decodePrInData>[0], dataIn: Buffer): PrOutcome {
  const reading = decodePrInData(action, dataIn);
  if (reading.kind !== 'whole') return checkCondition(internalTargetFailure);
  return { status: 'good', data: reading.data };
}
