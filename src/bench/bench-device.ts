/** The device that is served: made for the benchmark and removed after it, or one of the user's. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { ExitCode, Failure } from '../util/failure.js';
import type { Target } from './back-ends.js';
import { checkoutPath } from './checkout.js';

export interface BenchDevice extends Target {
  /** For the report: what it is and what is in it. */
  description: string;
  /** Removes what was made. */
  remove: () => void;
}

const sizeBytes = 1024 ** 3;
const zramControl = '/sys/class/zram-control';

/**
 * @param name `zram`, `loop`, or the path of an image or block device.
 * @param mayWrite whether a device given by path may be overwritten.
 * @throws Failure if it can't be made, or isn't there.
 */
export function openBenchDevice(name: string, mayWrite: boolean): BenchDevice {
  if (name === 'zram') return makeZram();
  if (name === 'loop') return makeLoop();
  if (!existsSync(name)) throw new Failure(ExitCode.image, `${name}: no such file or device`);
  return {
    path: name,
    writable: mayWrite,
    description: `${name}, ${statSync(name).isBlockDevice() ? 'block device' : 'file'}`,
    remove: () => undefined,
  };
}

/**
 * A RAM disk that compresses. It completes inside the call that submits and has no NOWAIT, as a
 * multipath map has none. Its pages hold one repeated word, which zram keeps without compressing:
 * the device costs next to nothing, and what is left is the back ends' own cost.
 */
function makeZram(): BenchDevice {
  if (!existsSync(zramControl)) {
    throw new Failure(ExitCode.image, 'this kernel has no zram: say --device loop or a path');
  }
  const number = readOnce(`${zramControl}/hot_add`).trim();
  const path = `/dev/zram${number}`;
  const remove = () => {
    writeFileSync(`${zramControl}/hot_remove`, number);
  };
  try {
    writeFileSync(`/sys/block/zram${number}/disksize`, String(sizeBytes));
    fill(path);
  } catch (error) {
    remove();
    throw error;
  }
  return { path, writable: true, description: 'zram, 1 GiB of same-filled pages', remove };
}

/** A file of this checkout's file system behind a loop device with direct I/O: asynchronous. */
function makeLoop(): BenchDevice {
  const file = checkoutPath('.cache/bench/scratch.img');
  mkdirSync(checkoutPath('.cache/bench'), { recursive: true });
  const removeFile = () => {
    rmSync(file, { force: true });
  };
  let path: string;
  try {
    // Written, not only reserved: unwritten extents are read without the disk.
    closeSync(openSync(file, 'w'));
    fill(file);
    path = losetup('--find', '--show', '--direct-io=on', file).trim();
  } catch (error) {
    removeFile();
    throw error;
  }
  const remove = () => {
    losetup('--detach', path);
    removeFile();
  };
  return {
    path,
    writable: true,
    description: 'loop device with direct I/O on a file of 1 GiB',
    remove,
  };
}

function losetup(...args: string[]): string {
  return execFileSync('losetup', args, { encoding: 'utf8' });
}

/** The first read of a control file: here it is the act itself, so there must be just one. */
function readOnce(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(64);
    return buffer.toString('ascii', 0, readSync(fd, buffer));
  } finally {
    closeSync(fd);
  }
}

function fill(path: string): void {
  const fd = openSync(path, 'r+');
  try {
    const piece = Buffer.alloc(1024 ** 2, 'h');
    for (let offset = 0; offset < sizeBytes; offset += piece.length) {
      writeSync(fd, piece, 0, piece.length, offset);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
