/** In CI, where the whole lab has minutes: enough to see that a scenario holds together. */
const few = 3;

/**
 * How often a scenario repeats what depends on a moment.
 * @param full times, with LAB_ROUNDS=full in the environment
 */
export function rounds(full: number): number {
  return process.env.LAB_ROUNDS === 'full' ? full : Math.min(full, few);
}
