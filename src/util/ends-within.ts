import { byDeadline } from './deadline.js';

/**
 * Whether a promise settles in time.
 * @param ends that does not reject
 * @param milliseconds how long to wait for it
 */
export async function endsWithin(ends: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const inTime = ends.then(() => true as const);
  return (await byDeadline(inTime, performance.now() + milliseconds)) ?? false;
}
