/** What a transport's report of a PERSISTENT RESERVE OUT means for the plan. Pure. */
import type { Sense } from '../pr/sense.js';
import type { PathOutcome } from '../pr/transport.js';
import type { StepResult } from './step.js';

const recoveredError = 0x1;
const notReady = 0x2;
const unitAttention = 0x6;
const abortedCommand = 0xb;

export function stepResultOf(outcome: PathOutcome): StepResult {
  switch (outcome.kind) {
    case 'not-sent':
      return { kind: 'unavailable' };
    case 'unsettled':
      return { kind: 'unsettled' };
    case 'answered':
      break;
  }
  switch (outcome.outcome.status) {
    case 'good':
      return { kind: 'good' };
    case 'reservation-conflict':
      return { kind: 'conflict' };
    case 'busy':
    case 'task-set-full':
      return { kind: 'unavailable' };
    case 'check-condition':
      return resultOfSense(outcome.outcome.sense);
  }
}

function resultOfSense(sense: Sense): StepResult {
  switch (sense.senseKey) {
    case recoveredError:
      return { kind: 'good' };
    case notReady:
      return { kind: 'unavailable' };
    case unitAttention:
      return { kind: 'attention' };
    case abortedCommand:
      return { kind: 'unknown' };
    default:
      return { kind: 'refused', sense };
  }
}

/** Whether the device says that what was known of its identity may not hold (fencing rule 11). */
export function questionsIdentity(outcome: PathOutcome): boolean {
  if (outcome.kind !== 'answered' || outcome.outcome.status !== 'check-condition') return false;
  const { senseKey, asc, ascq } = outcome.outcome.sense;
  // POWER ON, RESET ... OCCURRED; REPORTED LUNS DATA HAS CHANGED.
  return senseKey === unitAttention && (asc === 0x29 || (asc === 0x3f && ascq === 0x0e));
}

export function isUnitAttention(outcome: PathOutcome): boolean {
  return (
    outcome.kind === 'answered' &&
    outcome.outcome.status === 'check-condition' &&
    outcome.outcome.sense.senseKey === unitAttention
  );
}
