/** What strace tells of a server's writer lock. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** When a server had the writer lock, and when it wrote, in seconds. */
export interface LockTrace {
  held: { from: number; until: number }[];
  /** Those of the sync engine; the other engines' can't be seen. */
  writes: number[];
}

/** A command that runs a server and leaves its trace in `folder`. */
export function traced(folder: string): string[] {
  const calls = ['-e', 'trace=pwritev2,fcntl'];
  // A file for each thread: in one, calls of several threads would be cut in two.
  // --seccomp-bpf: a call that isn't traced doesn't stop the server.
  return ['strace', '-D', '-ff', '--seccomp-bpf', '-ttt', '-o', join(folder, 'thread'), ...calls];
}

/** The lock is seen by its byte 201: "nobody else may write". */
export function lockTrace(folder: string): LockTrace {
  const trace: LockTrace = { held: [], writes: [] };
  let from: number | undefined;
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  for (const line of files.join('').split('\n').sort()) {
    const time = Number(/^(\d+\.\d+) /.exec(line)?.[1]);
    if (line.includes('pwritev2(')) trace.writes.push(time);
    if (!line.includes('l_start=201')) continue;
    if (line.includes('F_OFD_SETLK, {l_type=F_RDLCK') && line.includes(' = 0')) from = time;
    if (!line.includes('F_OFD_SETLK, {l_type=F_UNLCK') || from === undefined) continue;
    trace.held.push({ from, until: time });
    from = undefined;
  }
  if (from !== undefined) trace.held.push({ from, until: Infinity });
  return trace;
}

/** When both had it, in seconds: those times of the first. */
export function heldByBoth(one: LockTrace['held'], other: LockTrace['held']): LockTrace['held'] {
  return one.filter((mine) =>
    other.some((theirs) => mine.from <= theirs.until && theirs.from <= mine.until),
  );
}
