/** Whether all is asked for, with LAB_ROUNDS=full in the environment. */
export const allRounds = process.env.LAB_ROUNDS === 'full';

/**
 * How often a scenario repeats what depends on a moment.
 * @param full times, if all is asked for
 * @param few times in CI, which has minutes for all scenarios together: enough to see that this one
 * holds together
 */
export function rounds(full: number, few = 3): number {
  return allRounds ? full : Math.min(full, few);
}
