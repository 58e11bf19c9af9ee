/**
 * The writer lock: who may write an image.
 *
 * It lies in the bytes QEMU uses (block/file-posix.c): a lock on byte 100+p says "I use permission
 * p", one on byte 200+p "nobody else may have p". Everybody takes shared locks and then looks
 * whether others hold a byte that contradicts. Ours are those of a QEMU guest's disk with
 * share-rw=off, so QEMU and qemu-img refuse to write a served image, holdfast refuses one that they
 * write, and any number of readers share one that nobody writes.
 *
 * It is taken on the open file description that does the I/O (an OFD lock) because the kernel keeps
 * that one held until the last I/O submitted through it has ended, even when its process is gone.
 * Who has the lock can therefore be sure that no older write lands over its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isByteFree, lockByteShared, unlockByte } from '../util/libc.js';
import { errnoOf, ExitCode, Failure } from '../util/failure.js';
import type { Image } from './image.js';
import { findLockHolders, type LockHolder, type LockHolders } from './lock-holders.js';

const usesBase = 100;
const deniesBase = 200;
const consistentRead = 0;
const write = 1;

const retryMilliseconds = 100;
/** The guest stands still for as long. */
const handoverRetryMilliseconds = 10;
const reminderMilliseconds = 5_000;

interface LockBytes {
  /** Bytes this mode holds. */
  held: readonly number[];
  /** Bytes that contradict this mode when somebody else holds them. */
  contradicting: readonly number[];
}

/** The bytes of one access mode. */
export function lockBytes(readOnly: boolean): LockBytes {
  const uses = readOnly ? [consistentRead] : [consistentRead, write];
  const denies = [write];
  return {
    held: [...uses.map((p) => usesBase + p), ...denies.map((p) => deniesBase + p)],
    contradicting: [...uses.map((p) => deniesBase + p), ...denies.map((p) => usesBase + p)],
  };
}

/** Takes the lock on `fd`'s open file description, or takes nothing and returns false. */
export function tryWriterLock(fd: number, readOnly: boolean): boolean {
  const { held, contradicting } = lockBytes(readOnly);
  const uncontradicted = () => contradicting.every((byte) => isByteFree(fd, byte));
  // Looked at first, too: who waits must not stand in the way of others, even for a moment.
  const taken =
    uncontradicted() && held.every((byte) => lockByteShared(fd, byte)) && uncontradicted();
  if (!taken) for (const byte of held) unlockByte(fd, byte);
  return taken;
}

/**
 * Takes the lock, waiting for the I/O of processes that have ended but not for living ones.
 * @returns false if `stop` was aborted before the lock was had.
 * @throws Failure (imageInUse) that names the living holder; Failure (image) where the file system
 * has no locks.
 */
export function takeWriterLock(image: Image, log: Logger, stop: AbortSignal): Promise<boolean> {
  return lockRepeatedly(image, retryMilliseconds, stop, (attempt) => {
    const holders = holdersOf(image);
    const [holder] = holders.living;
    if (holder !== undefined) throw imageInUse(image.path, holder);
    if ((attempt * retryMilliseconds) % reminderMilliseconds === 0)
      log.warn(waitingMessage(image.path, holders));
  });
}

/**
 * Takes the lock once nobody has it: the process that hands a guest over lives, and gives the lock
 * up when the guest has stopped there.
 * @returns false if `stop` was aborted before the lock was had.
 * @throws Failure (image) where the file system has no locks.
 */
export function awaitWriterLock(image: Image, log: Logger, stop: AbortSignal): Promise<boolean> {
  return lockRepeatedly(image, handoverRetryMilliseconds, stop, (attempt) => {
    // Not at the first refusal, which is what a migration always meets.
    if ((attempt * handoverRetryMilliseconds) % reminderMilliseconds !== handoverRetryMilliseconds)
      return;
    const holders = holdersOf(image);
    const [holder] = holders.living;
    log.info(
      holder === undefined
        ? waitingMessage(image.path, holders)
        : `waiting for ${image.path}: ${describe(holder)} has it`,
    );
  });
}

async function lockRepeatedly(
  image: Image,
  retryMilliseconds: number,
  stop: AbortSignal,
  onRefused: (attempt: number) => void,
): Promise<boolean> {
  for (let attempt = 0; !stop.aborted; attempt++) {
    if (tryLock(image)) return true;
    onRefused(attempt);
    // Rejects when aborted, which the loop's condition sees.
    await delay(retryMilliseconds, undefined, { signal: stop }).catch(() => undefined);
  }
  return false;
}

function holdersOf({ fd, readOnly }: Image): LockHolders {
  return findLockHolders(fd, lockBytes(readOnly).contradicting);
}

/** Gives the lock up. Nothing that was submitted through the image may be in the kernel any more. */
export function releaseWriterLock({ fd, readOnly }: Image): void {
  for (const byte of lockBytes(readOnly).held) unlockByte(fd, byte);
}

function tryLock(image: Image): boolean {
  try {
    return tryWriterLock(image.fd, image.readOnly);
  } catch (error) {
    throw new Failure(
      ExitCode.image,
      `${image.path} can't be locked (${errnoOf(error)}): its file system must support fcntl locks`,
      { cause: error },
    );
  }
}

function describe(holder: LockHolder): string {
  return `process ${holder.pid} (${holder.command})`;
}

function imageInUse(path: string, holder: LockHolder): Failure {
  return new Failure(
    ExitCode.imageInUse,
    `${path} is in use by ${describe(holder)}: stop that first, or serve the image --read-only in both places`,
  );
}

function waitingMessage(path: string, { ended, unexamined }: LockHolders): string {
  const [holder] = ended;
  const who =
    holder === undefined ? 'a process that has ended' : `${describe(holder)}, which has ended,`;
  // Locks have no owner that /proc would show to everybody.
  const doubt = unexamined && holder === undefined ? ", or another user's process has it" : '';
  return `waiting for ${path}: I/O of ${who} is still in the kernel${doubt}`;
}
