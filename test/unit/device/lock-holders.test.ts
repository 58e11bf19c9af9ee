import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  findLockHolders,
  isExiting,
  isKilled,
  parseOfdLocks,
} from '../../../src/device/lock-holders.js';
import { lockByteShared } from '../../../src/util/libc.js';
import { scratchFolder } from '../../support/scratch.js';

it('reads only OFD locks from fdinfo, with their ranges', () => {
  const fdinfo = [
    'pos:\t0',
    'flags:\t02140002',
    'lock:\t1: OFDLCK ADVISORY  READ -1 00:06:94 100 101',
    'lock:\t2: POSIX  ADVISORY  WRITE 4711 00:06:94 201 201',
    'lock:\t3: FLOCK  ADVISORY  WRITE 4711 00:06:94 0 EOF',
    'lock:\t4: OFDLCK ADVISORY  WRITE -1 fd:00:1234567 0 EOF',
    '',
  ].join('\n');
  expect(parseOfdLocks(fdinfo)).toEqual([
    { first: 100, last: 101 },
    { first: 0, last: Infinity },
  ]);
});

it('sees an exiting thread by its flags, whatever its name', () => {
  expect(isExiting('12 (node) S 1 12 12 0 -1 4194304 0')).toBe(false);
  expect(isExiting('12 (a) b) D 1 12 12 0 -1 4194308 0')).toBe(true);
});

it('sees a pending SIGKILL', () => {
  expect(isKilled('Name:\tx\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n')).toBe(false);
  expect(isKilled('Name:\tx\nSigPnd:\t0000000000000100\n')).toBe(true);
});

it('finds the living holder of a byte, and nobody for other bytes or files', () => {
  const folder = scratchFolder();
  const [fd, sameFile, otherFile] = ['a', 'a', 'b'].map((name) => {
    writeFileSync(join(folder, name), '');
    const opened = openSync(join(folder, name), 'r+');
    onTestFinished(() => {
      closeSync(opened);
    });
    return opened;
  }) as [number, number, number];
  lockByteShared(fd, 101);

  const { living, ended } = findLockHolders(sameFile, [201, 101]);
  expect(living.map(({ pid }) => pid)).toEqual([process.pid]);
  expect(living[0]?.command).toContain('node');
  expect(ended).toEqual([]);
  expect(findLockHolders(sameFile, [201]).living).toEqual([]);
  expect(findLockHolders(otherFile, [101]).living).toEqual([]);
});
