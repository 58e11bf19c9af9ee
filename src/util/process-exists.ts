import { errnoOf } from './failure.js';

/**
 * Whether there is a process of this number. True in doubt: for one of a pid namespace that can't be
 * looked into (0 in SO_PEERCRED), and when the number belongs to another process by now.
 */
export function processExists(pid: number): boolean {
  if (pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
