import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openImage } from '../../../src/device/image.js';
import { ExitCode, Failure } from '../../../src/util/failure.js';
import { scratchFolder } from '../../support/scratch.js';

function imageOf(bytes: number): string {
  const path = join(scratchFolder(), 'image');
  writeFileSync(path, Buffer.alloc(bytes));
  return path;
}

function open(path: string, readOnly = false) {
  const image = openImage(path, readOnly);
  onTestFinished(() => {
    closeSync(image.fd);
  });
  return image;
}

function failureOf(action: () => unknown): Failure {
  try {
    action();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('no Failure was thrown');
}

function openFlags(fd: number): number {
  const fdinfo = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  return parseInt(/^flags:\s*([0-7]+)$/m.exec(fdinfo)?.[1] ?? '', 8);
}

const O_CLOEXEC = 0o2000000;

describe('an image', () => {
  it('is opened for direct reading and writing, and not inherited', () => {
    const flags = openFlags(open(imageOf(512)).fd);
    expect(flags & constants.O_RDWR).toBe(constants.O_RDWR);
    expect(flags & constants.O_DIRECT).toBe(constants.O_DIRECT);
    expect(flags & O_CLOEXEC).toBe(O_CLOEXEC);
  });

  it('is opened for reading alone when it is to be read-only', () => {
    expect(openFlags(open(imageOf(512), true).fd) & 3).toBe(constants.O_RDONLY);
  });

  it('that is missing is refused with the command that makes one', () => {
    const failure = failureOf(() => openImage('/nonexistent/disk', false));
    expect(failure.exitCode).toBe(ExitCode.image);
    expect(failure.message).toBe(
      '/nonexistent/disk does not exist: correct --blk-file, or make an image with truncate -s 10G /nonexistent/disk',
    );
  });

  it('that is a folder, a FIFO or a character device is refused without being opened', () => {
    const folder = scratchFolder();
    mkdirSync(join(folder, 'folder'));
    spawnSync('mkfifo', [join(folder, 'fifo')]);
    for (const path of [join(folder, 'folder'), join(folder, 'fifo'), '/dev/null']) {
      expect(failureOf(() => openImage(path, false)).message).toBe(
        `${path} is neither a file nor a block device`,
      );
    }
  });
});
