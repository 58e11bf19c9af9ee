/** The few calls of libc that Node has no API for. All return at once; none may block. */
import { constants } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');

koffi.struct('flock', {
  l_type: 'short',
  l_whence: 'short',
  l_start: 'int64_t',
  l_len: 'int64_t',
  l_pid: 'int',
});
// Declared with a fixed third parameter: Linux's calling conventions pass a pointer the same way to
// a variadic function.
const fcntl = libc.func('int fcntl(int fd, int command, _Inout_ flock *lock)');
const _exit = libc.func('void _exit(int status)');
const statx = libc.func(
  'int statx(int dirfd, const char *path, int flags, uint mask, _Out_ uint8_t *buffer)',
);

const SEEK_SET = 0;
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** fcntl_locking(2) on one byte. Returns the struct's l_type afterwards, or the failure's errno name. */
function lockByte(fd: number, command: number, type: number, offset: number) {
  const lock = { l_type: type, l_whence: SEEK_SET, l_start: offset, l_len: 1, l_pid: 0 };
  if (fcntl(fd, command, lock) === 0) return { type: lock.l_type, errno: undefined };
  return { type: undefined, errno: getSystemErrorName(-koffi.errno()) };
}

function lockError(errno: string): Error {
  return Object.assign(new Error(`file lock: ${errno}`), { code: errno });
}

/**
 * Takes a shared lock of the open file description on the byte at `offset`.
 * @returns false if another description holds that byte exclusively.
 * @throws Error with `code` where the file system has no locks (ENOLCK, EOPNOTSUPP).
 */
export function lockByteShared(fd: number, offset: number): boolean {
  return setLock(fd, F_RDLCK, offset);
}

/**
 * The same with an exclusive lock.
 * @param fd open for writing
 * @returns false if another description has any lock on that byte
 */
export function lockByteExclusively(fd: number, offset: number): boolean {
  return setLock(fd, F_WRLCK, offset);
}

function setLock(fd: number, type: number, offset: number): boolean {
  const { errno } = lockByte(fd, F_OFD_SETLK, type, offset);
  if (errno === undefined) return true;
  if (errno === 'EAGAIN' || errno === 'EACCES') return false;
  throw lockError(errno);
}

/** Drops this open file description's lock on the byte at `offset`, if it has one. */
export function unlockByte(fd: number, offset: number): void {
  const { errno } = lockByte(fd, F_OFD_SETLK, F_UNLCK, offset);
  if (errno !== undefined) throw lockError(errno);
}

/** True if no *other* open file description holds any lock on the byte at `offset`. */
export function isByteFree(fd: number, offset: number): boolean {
  const { type, errno } = lockByte(fd, F_OFD_GETLK, F_WRLCK, offset);
  if (errno !== undefined) throw lockError(errno);
  return type === F_UNLCK;
}

export interface OpenFile {
  readonly kind: 'block' | 'character' | 'other';
  /** `major:minor` of a device node. */
  readonly device: string;
}

/**
 * What a descriptor leads to, as far as the kernel knows it itself: fstat(2) would ask whoever
 * serves a FUSE file, and wait.
 * @throws Error with `code` for a number that is no descriptor
 */
export function statOpenFile(fd: number): OpenFile {
  const AT_EMPTY_PATH = 0x1000;
  const AT_STATX_DONT_SYNC = 0x4000;
  const STATX_TYPE = 0x1;
  const buffer = Buffer.alloc(256);
  if (statx(fd, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, buffer) !== 0) {
    const errno = getSystemErrorName(-koffi.errno());
    throw Object.assign(new Error(`statx: ${errno}`), { code: errno });
  }
  // stx_mode, stx_rdev_major and stx_rdev_minor of struct statx (linux/stat.h).
  const type = buffer.readUInt16LE(28) & constants.S_IFMT;
  const device = `${buffer.readUInt32LE(128)}:${buffer.readUInt32LE(132)}`;
  if (type === constants.S_IFBLK) return { kind: 'block', device };
  return { kind: type === constants.S_IFCHR ? 'character' : 'other', device };
}

/**
 * Ends the process now, without handlers, destructors or waiting for threads: the way out while a
 * thread is stuck in the kernel.
 */
export function exitImmediately(status: number): void {
  _exit(status);
}
