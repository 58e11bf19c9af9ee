import { openSync, closeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lockBytes, tryWriterLock } from '../../../src/device/writer-lock.js';
import { isByteFree, lockByteShared } from '../../../src/util/libc.js';
import { scratchFolder } from '../../support/scratch.js';

function openTwice(): [number, number] {
  const path = join(scratchFolder(), 'image');
  writeFileSync(path, '');
  const fds: [number, number] = [openSync(path, 'r+'), openSync(path, 'r+')];
  onTestFinished(() => {
    fds.forEach(closeSync);
  });
  return fds;
}

describe('lock bytes', () => {
  it('are those of a QEMU guest disk with share-rw=off', () => {
    // Seen in /proc/PID/fdinfo of QEMU 7.2 with -device virtio-blk-pci: 100, 101, 201; 100, 201.
    expect(lockBytes(false).held).toEqual([100, 101, 201]);
    expect(lockBytes(true).held).toEqual([100, 201]);
  });

  it('contradict in both directions: what I use is what others must not deny', () => {
    expect(lockBytes(false).contradicting).toEqual([200, 201, 101]);
    expect(lockBytes(true).contradicting).toEqual([200, 101]);
  });
});

describe('the writer lock', () => {
  it.each([
    { first: 'write', second: 'write', granted: false },
    { first: 'write', second: 'read', granted: false },
    { first: 'read', second: 'write', granted: false },
    { first: 'read', second: 'read', granted: true },
  ])('$first, then $second: granted=$granted', ({ first, second, granted }) => {
    const [fd, other] = openTwice();
    expect(tryWriterLock(fd, first === 'read')).toBe(true);
    expect(tryWriterLock(other, second === 'read')).toBe(granted);
  });

  it('leaves no byte behind when it is refused', () => {
    const [fd, other] = openTwice();
    lockByteShared(fd, 201);
    expect(tryWriterLock(other, false)).toBe(false);
    for (const byte of lockBytes(false).held.filter((b) => b !== 201)) {
      expect(isByteFree(fd, byte)).toBe(true);
    }
  });
});
