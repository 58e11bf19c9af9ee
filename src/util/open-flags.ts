import { readFileSync } from 'node:fs';

/**
 * The flags of open(2) that a descriptor was opened with, by proc(5).
 * @throws Error where they can't be read
 */
export function openFlags(fd: number): number {
  const fdinfo = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  const [, flags] = /^flags:\s*([0-7]+)$/m.exec(fdinfo) ?? [];
  if (flags === undefined) throw new Error('fdinfo has no flags');
  return parseInt(flags, 8);
}
