import type { PathState } from '../pr/path.js';

/** Whether a path is usable, and if it is not simply 'up', why. */
export interface PathCondition {
  readonly state: PathState;
  /** Fit for messages: `iSCSI session3 is FAILED`. */
  readonly reason?: string;
}

const severity = { up: 0, ghost: 1, down: 2 } as const;

/** The worst of several conditions, the first one of that kind. */
export function worst(conditions: readonly PathCondition[]): PathCondition {
  return conditions.reduce((a, b) => (severity[b.state] > severity[a.state] ? b : a));
}
