import type { PrOutcome } from '../../../../src/pr/outcome.js';
import type { Sense } from '../../../../src/pr/sense.js';

/** `good`, `conflict`, `busy` or `5/26/00`. */
export function textOf(outcome: PrOutcome): string {
  switch (outcome.status) {
    case 'good':
    case 'busy':
    case 'task-set-full':
      return outcome.status;
    case 'reservation-conflict':
      return 'conflict';
    case 'check-condition':
      return senseText(outcome.sense);
  }
}

export function senseText({ senseKey, asc, ascq }: Sense): string {
  return [senseKey.toString(16), hexByte(asc), hexByte(ascq)].join('/');
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
