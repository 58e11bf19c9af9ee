/** Finds out who holds OFD locks, which the kernel itself doesn't tell (F_OFD_GETLK says pid -1). */
import { fstatSync, readdirSync, readFileSync, statSync, type BigIntStats } from 'node:fs';
import { errnoOf } from '../util/failure.js';

export interface LockHolder {
  pid: number;
  /** Command line, arguments separated by blanks. */
  command: string;
}

export interface LockHolders {
  living: LockHolder[];
  /** Killed, or exiting, but held in the kernel by their own I/O. */
  ended: LockHolder[];
  /** Some processes could not be looked into: they belong to other users and we aren't root. */
  unexamined: boolean;
}

/**
 * Processes with an OFD lock on any of `bytes` of the file behind `fd`. Reads /proc: a holder may
 * have let go meanwhile, and one in another pid namespace is not seen.
 */
export function findLockHolders(fd: number, bytes: readonly number[]): LockHolders {
  const file = fstatSync(fd, { bigint: true });
  const holders: LockHolders = { living: [], ended: [], unexamined: false };
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    try {
      if (!holdsLock(pid, file, bytes)) continue;
      const holder = { pid, command: readCommand(pid) };
      (hasEnded(pid) ? holders.ended : holders.living).push(holder);
    } catch (error) {
      // A kernel thread has no command and no files; a process that is gone holds nothing.
      const code = errnoOf(error);
      if (code === 'EACCES' || code === 'EPERM') holders.unexamined ||= readCommand(pid) !== '';
      else if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
    }
  }
  return holders;
}

function holdsLock(pid: number, file: BigIntStats, bytes: readonly number[]): boolean {
  return readdirSync(`/proc/${pid}/fdinfo`).some((fd) => {
    const ranges = parseOfdLocks(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
    if (!ranges.some(({ first, last }) => bytes.some((b) => first <= b && b <= last))) return false;
    // Compared by stat, since the device numbers in fdinfo are not stat's on btrfs and overlayfs.
    const other = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true });
    return other.dev === file.dev && other.ino === file.ino;
  });
}

export interface ByteRange {
  first: number;
  last: number;
}

/** The OFD locks in the text of /proc/PID/fdinfo/FD (`lock: 1: OFDLCK ADVISORY READ -1 M:m:ino A B`). */
export function parseOfdLocks(fdinfo: string): ByteRange[] {
  return [...fdinfo.matchAll(/^lock:.*\bOFDLCK\b.* (\d+) (\d+|EOF)$/gm)].map(([, first, last]) => ({
    first: Number(first),
    last: last === 'EOF' ? Infinity : Number(last),
  }));
}

/** True if every thread is exiting or has a SIGKILL that it can't act on inside the kernel. */
function hasEnded(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((tid) => {
    const task = `/proc/${pid}/task/${tid}`;
    return (
      isExiting(readFileSync(`${task}/stat`, 'utf8')) ||
      isKilled(readFileSync(`${task}/status`, 'utf8'))
    );
  });
}

const PF_EXITING = 0x4;

/** Whether a /proc/.../stat line carries PF_EXITING in `flags`, the seventh field after the name. */
export function isExiting(stat: string): boolean {
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(afterName[6]) & PF_EXITING) !== 0;
}

/** Whether a /proc/.../status text has SIGKILL (9) among its pending signals. */
export function isKilled(status: string): boolean {
  const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return (BigInt(`0x${pending}`) & (1n << 8n)) !== 0n;
}

const commandLengthMax = 120;

/** The command line, cut for a message; empty for a kernel thread and for a process that is gone. */
function readCommand(pid: number): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return command.length <= commandLengthMax
      ? command
      : `${command.slice(0, commandLengthMax)}...`;
  } catch {
    return '';
  }
}
