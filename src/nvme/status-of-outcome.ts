import type { PrOutcome } from '../pr/outcome.js';
import type { Sense } from '../pr/sense.js';
import { doNotRetry, nvmeStatus } from './status.js';

/** The completion status of a command that SCSI has answered so. What may be sent again has no DNR. */
export function statusOf(outcome: PrOutcome): number {
  switch (outcome.status) {
    case 'good':
      return nvmeStatus.success;
    case 'reservation-conflict':
      return nvmeStatus.reservationConflict | doNotRetry;
    case 'busy':
    case 'task-set-full':
      return nvmeStatus.namespaceNotReady;
    case 'check-condition':
      return statusOfSense(outcome.sense);
  }
}

const illegalRequest = 0x5;
const unitAttention = 0x6;
const invalidOperationCode = 0x20;
const insufficientResources = 0x55;

function statusOfSense({ senseKey, asc }: Sense): number {
  if (senseKey === unitAttention) return nvmeStatus.namespaceNotReady;
  if (senseKey !== illegalRequest || asc === insufficientResources) return nvmeStatus.internalError;
  const status = asc === invalidOperationCode ? nvmeStatus.invalidOpcode : nvmeStatus.invalidField;
  return status | doNotRetry;
}
