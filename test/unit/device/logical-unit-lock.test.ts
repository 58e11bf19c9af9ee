import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  logicalUnitLockHolder,
  takeLogicalUnitLock,
  type LogicalUnitLock,
} from '../../../src/device/logical-unit-lock.js';
import { Failure } from '../../../src/util/failure.js';
import { scratchFolder } from '../../support/scratch.js';

const wwid = 'naa.60014051111111122223333444455555';

function folderToMake(): string {
  return join(scratchFolder(), 'holdfast');
}

function taken(wwid: string, folder: string): LogicalUnitLock {
  const lock = takeLogicalUnitLock(wwid, folder);
  onTestFinished(() => {
    lock.release();
  });
  return lock;
}

function failureOf(call: () => unknown): Failure {
  try {
    call();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

it('lets one have a logical unit, and names who has it', () => {
  const folder = folderToMake();
  taken(wwid, folder);
  const failure = failureOf(() => takeLogicalUnitLock(wwid, folder));
  expect(failure.exitCode).toBe(4);
  expect(failure.message).toContain(
    `the reservations of ${wwid} are in use on this host by process ${process.pid} (`,
  );
  expect(logicalUnitLockHolder(wwid, folder)).toContain(`process ${process.pid} (`);
  taken('naa.5000c500a1b2c3d4', folder);
});

it('is free again after release, and looking takes nothing', () => {
  const folder = folderToMake();
  expect(logicalUnitLockHolder(wwid, folder)).toBeUndefined();
  takeLogicalUnitLock(wwid, folder).release();
  expect(logicalUnitLockHolder(wwid, folder)).toBeUndefined();
  taken(wwid, folder);
});

it('makes a folder and files that every user can use, whatever the umask', () => {
  const folder = folderToMake();
  taken(wwid, folder);
  expect(statSync(folder).mode & 0o7777).toBe(0o1777);
  expect(readdirSync(folder)).toEqual([wwid]);
  expect(statSync(join(folder, wwid)).mode & 0o7777).toBe(0o666);
});

it.each(['t10.ATA     QEMU ../../etc', 'naa.x/y', '.hidden', 'x'.repeat(300)])(
  'locks a logical unit called %j, and no other',
  (strange) => {
    const folder = folderToMake();
    taken(strange, folder);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(() => takeLogicalUnitLock(strange, folder)).toThrow('in use');
    taken(`${strange}2`, folder);
  },
);

it('says what to do where it has no folder', () => {
  const folder = join(scratchFolder(), 'missing', 'holdfast');
  const failure = failureOf(() => takeLogicalUnitLock(wwid, folder));
  expect(failure.exitCode).toBe(3);
  expect(failure.message).toBe(
    `${folder}/${wwid} can't be opened (ENOENT), which keeps two guests of this host from one logical unit: have root run install -d -m 1777 ${folder}`,
  );
});

it('follows no link that somebody put there', () => {
  const folder = folderToMake();
  mkdirSync(folder);
  writeFileSync(join(folder, 'victim'), '');
  symlinkSync(join(folder, 'victim'), join(folder, wwid));
  expect(failureOf(() => takeLogicalUnitLock(wwid, folder)).message).toContain('(ELOOP)');
});
