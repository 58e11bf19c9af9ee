/** In CI, where the whole lab has minutes: enough to see that a scenario holds together. */
const few = 3;

/** Whether all is asked for, with LAB_ROUNDS=full in the environment. */
export const allRounds = process.env.LAB_ROUNDS === 'full';

/**
 * How often a scenario repeats what depends on a moment.
 * @param full times, if all is asked for
 */
export function rounds(full: number): number {
  return allRounds ? full : Math.min(full, few);
}
