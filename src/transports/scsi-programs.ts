/** What a SCSI device is asked, whichever node carries it: as programs of SG_IO calls. */
import { isPrIn, type PrCommand, type PrInCommand, type PrOutCommand } from '../pr/command.js';
import {
  busy,
  checkCondition,
  good,
  goodWith,
  type PrOutcome,
  reservationConflict,
  taskSetFull,
} from '../pr/outcome.js';
import { internalTargetFailure } from '../pr/sense.js';
import type { PathIdentity, PathOutcome } from '../pr/transport.js';
import { scsiStatus } from '../scsi/command-outcome.js';
import { namesLogicalUnit } from '../scsi/device-identification.js';
import type { InitiatorRequest } from '../scsi/initiator-command.js';
import { decodePrInData } from '../scsi/persistent-reserve-in-data.js';
import { decodeSense } from '../scsi/received-sense.js';
import { answered, notSent, unknown } from './path-outcome.js';
import type { ScsiPathNode } from './path-node.js';
import type { Program } from './program.js';
import { type ScsiReply, sgIoProgram } from './sg-io.js';

/** Bytes of the first attempt: more than a thousand keys. */
const usualAllocation = 8192;
/** The most that a CDB can allow, in whole words. Bytes. */
const largestAllocation = 0xfffc;
/**
 * A registration is as long as this at most. Some devices leave out what does not fit and count it
 * in no length, so data that ends so near to the allocation length may be cut. Bytes.
 */
const longestRegistration = 24 + 4 + 252;

const attempts = 5;
const attemptsApartMs = 5;

export function scsiReservation(command: PrCommand, driver: string): Program<PathOutcome> {
  return isPrIn(command)
    ? reservationRead(command.action, driver, usualAllocation)
    : reservationChange(command, driver);
}

function* reservationChange(command: PrOutCommand, driver: string): Program<PathOutcome> {
  return answerOf(yield* patient({ kind: 'persistent-reserve-out', command }, driver));
}

/** @param allocation at first, bytes; what has no room in it is asked for again */
export function* reservationRead(
  action: PrInCommand['action'],
  driver: string,
  allocation: number,
): Program<PathOutcome> {
  const reply = yield* patient(
    { kind: 'persistent-reserve-in', action, allocationLength: allocation },
    driver,
  );
  if (reply.kind !== 'status' || reply.status !== scsiStatus.good) return answerOf(reply);
  if (mayBeCut(action, reply.dataIn, allocation) && allocation < largestAllocation) {
    return yield* reservationRead(action, driver, largestAllocation);
  }
  return answered(readingOf(action, reply.dataIn, allocation));
}

function mayBeCut(action: PrInCommand['action'], dataIn: Buffer, allocation: number): boolean {
  const reading = decodePrInData(action, dataIn);
  if (reading.kind !== 'whole') return reading.kind === 'cut' && reading.wholeLength > allocation;
  const isList = action === 'read-keys' || action === 'read-full-status';
  return isList && dataLength(dataIn) + longestRegistration > allocation;
}

/** Of a list with its header. */
function dataLength(dataIn: Buffer): number {
  return 8 + dataIn.readUInt32BE(4);
}

/**
 * What cannot be read, or perhaps not whole, is the target's failure: half a list would be a wrong one.
 * @param allocation that it was asked for with, bytes
 */
export function readingOf(
  action: PrInCommand['action'],
  dataIn: Buffer,
  allocation: number,
): PrOutcome {
  const reading = decodePrInData(action, dataIn);
  const isWhole = reading.kind === 'whole' && !mayBeCut(action, dataIn, allocation);
  return isWhole ? goodWith(reading.data) : checkCondition(internalTargetFailure);
}

export function* scsiReadiness(driver: string): Program<PathOutcome> {
  return answerOf(yield* sgIoProgram({ kind: 'test-unit-ready' }, driver));
}

export function* scsiIdentification({ wwid, driver }: ScsiPathNode): Program<PathIdentity> {
  const reply = yield* sgIoProgram({ kind: 'device-identification' }, driver);
  if (reply.kind !== 'status' || reply.status !== scsiStatus.good) return 'unknown';
  const isSame = namesLogicalUnit(reply.dataIn, wwid);
  return isSame === undefined ? 'unknown' : isSame ? 'same' : 'other';
}

/** Sends it again while the device is at work on something else, which it is for a moment only. */
function* patient(request: InitiatorRequest, driver: string): Program<ScsiReply> {
  let reply = yield* sgIoProgram(request, driver);
  for (let attempt = 1; attempt < attempts && isInProgress(reply); attempt++) {
    reply = yield* sgIoProgram(request, driver, attemptsApartMs);
  }
  return reply;
}

/** LOGICAL UNIT NOT READY, OPERATION IN PROGRESS: not executed. */
function isInProgress(reply: ScsiReply): boolean {
  if (reply.kind !== 'status' || reply.status !== scsiStatus.checkCondition) return false;
  const sense = decodeSense(reply.sense);
  return sense?.senseKey === 0x2 && sense.asc === 0x04 && sense.ascq === 0x07;
}

/**
 * The device's answer, unit attentions included: the fan-out knows what to make of them. A status
 * that tells nothing (TASK ABORTED, one that SAM-5 doesn't define) leaves the command unsettled.
 */
export function answerOf(reply: ScsiReply): PathOutcome {
  if (reply.kind === 'not-sent') return notSent(reply.reason);
  if (reply.kind === 'unknown') return unknown(reply.reason);
  switch (reply.status) {
    case scsiStatus.good:
      return answered(good);
    case scsiStatus.checkCondition: {
      const sense = decodeSense(reply.sense);
      return sense === undefined
        ? unknown('CHECK CONDITION without sense data')
        : answered(checkCondition(sense));
    }
    case scsiStatus.reservationConflict:
      return answered(reservationConflict);
    case scsiStatus.busy:
      return answered(busy);
    case scsiStatus.taskSetFull:
      return answered(taskSetFull);
    default:
      return unknown(`status 0x${reply.status.toString(16)}`);
  }
}
