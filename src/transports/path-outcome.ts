/** The outcomes of a path's commands that are no answer of the device. */
import type { PrOutcome } from '../pr/outcome.js';
import type { PathOutcome } from '../pr/transport.js';

export function answered(outcome: PrOutcome): PathOutcome {
  return { kind: 'answered', outcome };
}

/** @param reason fit for messages, without a full stop */
export function notSent(reason: string): PathOutcome {
  return { kind: 'not-sent', reason };
}

/** The call has come back, and what it brought does not tell whether the device executed it. */
export function unknown(reason: string): PathOutcome {
  const outcome: PathOutcome = {
    kind: 'unsettled',
    reason,
    get returned() {
      return Promise.resolve(outcome);
    },
  };
  return outcome;
}

/** The call has not come back. */
export function late(reason: string, returned: Promise<PathOutcome>): PathOutcome {
  return { kind: 'unsettled', reason, returned };
}
