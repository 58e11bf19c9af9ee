import { join } from 'node:path';
import { expect, it } from 'vitest';
import { takeLogicalUnitLock } from '../../../src/device/logical-unit-lock.js';
import { examine, isUnwell, type Host } from '../../../src/doctor/doctor.js';
import { checkLock } from '../../../src/doctor/lock-check.js';
import { checkPath } from '../../../src/doctor/path-check.js';
import { checkUnit } from '../../../src/doctor/unit-check.js';
import { logicalUnitOf, readPathsOf } from '../../../src/multipath/logical-unit.js';
import { readScsiPath } from '../../../src/multipath/scsi-path.js';
import { scratchFolder } from '../../support/scratch.js';
import { HostTree, iscsiMap, wwid } from '../multipath/support/host-tree.js';
import { bad, better } from './support/findings.js';

function host(sysfs = new HostTree().sysfs): Host {
  const absent = { kind: 'absent' } as const;
  return {
    sysfs,
    multipathd: {
      topology: () => Promise.resolve(absent),
      reservationKey: () => Promise.resolve(absent),
    },
    kernel: { release: '7.3.4', uringDisabled: '0' },
    rememberedKey: () => ({ isReadable: true, key: undefined }),
    tryTransport: () => Promise.resolve({ transport: 'sg', reason: 'x', advice: undefined }),
    lockFolder: scratchFolder(),
    isRoot: false,
  };
}

it('looks at every multipath map when no device is named', async () => {
  const tree = new HostTree();
  iscsiMap(tree);
  tree.map('dm-1', 'LVM-x', 'vg-lv', ['dm-0']);
  const examinations = await examine(host(tree.sysfs), undefined);
  // Their nodes are not on this machine, and so they go by the name that was looked for.
  expect(examinations.map(({ subject }) => subject)).toEqual(['this host', '/dev/dm-0']);
});

it('is unwell with a device that can have no reservations, and well with none to look at', async () => {
  const examinations = await examine(host(), '/nonexistent');
  expect(examinations[1]?.findings[0]).toMatchObject({
    verdict: 'bad',
    what: '/nonexistent does not exist',
  });
  expect(isUnwell(examinations)).toBe(true);
  const without = await examine(host(), undefined);
  expect(without.flatMap(({ findings }) => bad(findings))).toEqual([]);
  expect(isUnwell(without)).toBe(false);
});

it('tells which transport a path has, and what would be better', () => {
  const tree = new HostTree();
  tree.disk('sda', { number: '8:0', address: '0:0:1:0', parent: 'devices/host0' });
  const path = readScsiPath(tree.sysfs, 'sda');
  if (path === undefined) throw new Error('no path');
  const sg = { transport: 'sg', reason: 'it is writable', advice: undefined };
  expect(checkPath(path, sg).map(({ verdict, what }) => [verdict, what])).toEqual([
    ['good', 'it is up'],
    ['good', 'reservation commands go by sg: it is writable'],
  ]);
  const reduced = { transport: 'linux-pr', reason: 'only sda is writable', advice: 'give sg0' };
  expect(checkPath(path, reduced)[1]).toMatchObject({ verdict: 'better', advice: 'give sg0' });
  const none = { transport: undefined, reason: 'sg: EACCES', advice: 'join the group' };
  expect(checkPath(path, none)[1]).toMatchObject({
    verdict: 'bad',
    what: "reservation commands can't be sent over it: sg: EACCES",
    advice: 'join the group',
  });
});

it('does not judge the transport of a path that is down', () => {
  const tree = new HostTree();
  const parent = 'devices/host0';
  const device = tree.disk('sda', { number: '8:0', address: '0:0:1:0', parent });
  tree.file(`${device}/state`, 'blocked');
  const path = readScsiPath(tree.sysfs, 'sda');
  expect(path === undefined ? [] : checkPath(path, undefined)).toMatchObject([
    { verdict: 'better', what: 'it is down: the device is blocked' },
  ]);
});

it('finds strangers in the map, paths outside of it, and a map without any path', () => {
  const tree = new HostTree();
  const { sdb, sdc } = iscsiMap(tree);
  const device = logicalUnitOf(tree.sysfs, '253:0', '/dev/dm-0');
  const check = () => checkUnit(tree.sysfs, device, readPathsOf(tree.sysfs, device));
  expect(check().map(({ what }) => what)).toEqual(['2 of 2 paths can carry commands']);

  tree.file(`${sdc}/wwid`, 'naa.6001405999');
  expect(bad(check())).toEqual(['sdc is a path of the map but leads to naa.6001405999']);
  tree.disk('sdd', { number: '8:48', address: '4:0:0:0', parent: tree.session(3) });
  expect(better(check())).toEqual([
    'sdd also leads to this logical unit, but carries none of its data',
  ]);
  tree.file(`${sdb}/state`, 'offline');
  expect(bad(check())).toContain('0 of 1 paths can carry commands');
});

it('tells who uses the reservations, and where nobody could lock them', () => {
  const folder = scratchFolder();
  expect(checkLock(wwid, folder).what).toBe('nobody on this host uses its reservations');
  const lock = takeLogicalUnitLock(wwid, folder);
  expect(checkLock(wwid, folder).what).toContain(`by process ${process.pid} (`);
  lock.release();
  expect(checkLock(wwid, join(folder, 'made-when-needed')).verdict).toBe('good');
  const nowhere = '/nonexistent/lock/holdfast';
  expect(checkLock(wwid, nowhere)).toMatchObject({
    verdict: 'bad',
    what: `${nowhere} can't be used for locks (ENOENT)`,
  });
});
