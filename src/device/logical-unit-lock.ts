/**
 * One user of a logical unit's own reservations on a host, whatever node it came by.
 *
 * All paths of a host are one registrant to the array: two guests that reserved through them could
 * not be fenced apart, and each would undo what the other registered (fencing rule 21). The writer
 * lock can't tell, since a map, its paths and a container's nodes are different files.
 *
 * It is an OFD lock on a file that bears the logical unit's name, in a folder that is the same for
 * all users. An abstract socket would need no folder, but silently not meet across network
 * namespaces, which hardened services have of their own.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ExitCode, Failure } from '../util/failure.js';
import { isByteFree, lockByteExclusively } from '../util/libc.js';
import { findLockHolders } from './lock-holders.js';

/** Everybody may make files here, and nobody remove another's, as in /run/lock itself. */
export const logicalUnitLockFolder = '/run/lock/holdfast';
const folderMode = 0o1777;
const fileMode = 0o666;
const lockedByte = 0;
/** Whoever can make files there could put a link or a FIFO in the way. */
const openFlags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export interface LogicalUnitLock {
  /** Gives it up; so does the end of the process. */
  release(): void;
}

/**
 * Takes the lock of a logical unit.
 * @param wwid its worldwide name, any text
 * @throws Failure (imageInUse) that names the holder if /proc shows it; Failure (image) where the
 * folder can't be used, with what to do
 */
export function takeLogicalUnitLock(wwid: string, folder = logicalUnitLockFolder): LogicalUnitLock {
  const path = join(folder, lockFileName(wwid));
  const fd = openLockFile(folder, path);
  try {
    if (!lockByteExclusively(fd, lockedByte)) throw inUse(wwid, fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    release: () => {
      closeSync(fd);
    },
  };
}

/** Who has the lock: undefined if nobody, a text fit for messages otherwise. Takes nothing. */
export function logicalUnitLockHolder(
  wwid: string,
  folder = logicalUnitLockFolder,
): string | undefined {
  let fd: number;
  try {
    fd = openSync(join(folder, lockFileName(wwid)), 'r');
  } catch {
    return undefined;
  }
  try {
    return isByteFree(fd, lockedByte) ? undefined : holderName(fd);
  } finally {
    closeSync(fd);
  }
}

/** A name that says what it locks, unless the wwid has characters or a length no file name can. */
function lockFileName(wwid: string): string {
  return /^\w[\w.-]{0,127}$/.test(wwid) ? wwid : createHash('sha256').update(wwid).digest('hex');
}

function openLockFile(folder: string, path: string): number {
  try {
    return openIfThere(path) ?? makeLockFile(folder, path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    throw new Failure(
      ExitCode.image,
      `${path} can't be opened (${code}), which keeps two guests of this host from one logical unit: have root run install -d -m 1777 ${folder}`,
      { cause: error },
    );
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, openFlags);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function makeLockFile(folder: string, path: string): number {
  makeFolder(folder);
  makeFile(folder, path);
  return openSync(path, openFlags);
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
    // The umask took its part of the mode.
    chmodSync(folder, folderMode);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

// Under another name first: nobody may find it with less than its mode. Opening another user's file
// with O_CREAT is refused in such a folder (fs.protected_regular).
function makeFile(folder: string, path: string): void {
  const draft = join(folder, `.${randomUUID()}`);
  writeFileSync(draft, '', { flag: 'wx' });
  try {
    chmodSync(draft, fileMode);
    linkSync(draft, path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}

function inUse(wwid: string, fd: number): Failure {
  return new Failure(
    ExitCode.imageInUse,
    `the reservations of ${wwid} are in use on this host by ${holderName(fd)}: the array could not tell two guests of one host apart, so stop that first, or attach both guests to one holdfast`,
  );
}

function holderName(fd: number): string {
  const { living, ended } = findLockHolders(fd, [lockedByte]);
  const [holder] = [...living, ...ended];
  return holder === undefined
    ? "another user's process"
    : `process ${holder.pid} (${holder.command})`;
}
