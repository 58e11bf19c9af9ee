import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ExitCode, Failure } from '../util/failure.js';
import { isByteFree } from '../util/libc.js';

/** The bytes of a disk that QEMU and holdfast lock: what they use, and what they deny others. */
const lockBytes = [100, 101, 102, 103, 200, 201, 202, 203];
const patienceMilliseconds = 10_000;
const lookEveryMilliseconds = 10;

/**
 * Resolves when nobody holds the disk at `path`. The kernel may let go of an ended server's file
 * late, and qemu-storage-daemon does not wait for that.
 * @throws Failure (imageInUse) if somebody keeps it
 */
export async function lockReleased(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    const deadline = Date.now() + patienceMilliseconds;
    while (!lockBytes.every((byte) => isByteFree(fd, byte))) {
      if (Date.now() > deadline) {
        throw new Failure(ExitCode.imageInUse, `${path} is in use by another process`);
      }
      await delay(lookEveryMilliseconds);
    }
  } finally {
    closeSync(fd);
  }
}
