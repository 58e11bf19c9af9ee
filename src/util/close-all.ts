import { closeSync } from 'node:fs';

/** @param fds open, and nobody else's */
export function closeAll(fds: Iterable<number>): void {
  for (const fd of fds) closeSync(fd);
}
