import { expect, it } from 'vitest';
import { logicalUnitOf, readPathsOf, unitName } from '../../../src/multipath/logical-unit.js';
import { pathNode } from '../../../src/multipath/path-node.js';
import { HostTree, iscsiMap, multipathdWwid, sessionNexus, wwid } from './support/host-tree.js';

it('finds a map with its paths, by its own number and by a path', () => {
  const host = new HostTree();
  iscsiMap(host);
  const device = logicalUnitOf(host.sysfs, '253:0', '/dev/mapper/mpatha');
  expect(device).toEqual({
    name: 'dm-0',
    wwid,
    map: { name: 'mpatha', uuid: `mpath-${multipathdWwid}`, suspended: false },
  });
  expect(unitName(device)).toBe(`mpatha (${wwid})`);
  expect(logicalUnitOf(host.sysfs, '8:32', '/dev/sdc')).toEqual(device);

  const { paths, strangers } = readPathsOf(host.sysfs, device);
  expect(strangers).toEqual([]);
  expect(paths).toMatchObject([
    {
      kind: 'scsi',
      id: sessionNexus(1),
      name: 'sdb',
      address: '2:0:0:0',
      genericName: 'sg1',
      instance: '11',
      deviceNumber: '8:16',
      wwid,
      condition: { state: 'up' },
      initiator: { protocol: 'iscsi', name: 'iqn.2024-01.lab:a', isid: undefined },
    },
    { id: sessionNexus(2), name: 'sdc', genericName: 'sg2' },
  ]);
});

it('gives transports the nodes of a path', () => {
  const host = new HostTree();
  iscsiMap(host);
  host.file('devices/platform/host2/scsi_host/host2/proc_name', 'iscsi_tcp');
  const device = logicalUnitOf(host.sysfs, '253:0', '/dev/dm-0');
  const nodes = readPathsOf(host.sysfs, device).paths.map((path) => pathNode(path, device.wwid));
  expect(nodes[0]).toEqual({
    kind: 'scsi',
    name: 'sdb',
    address: '2:0:0:0',
    blockNode: '/dev/sdb',
    sgNode: '/dev/sg1',
    driver: 'iscsi_tcp',
    wwid,
  });
});

it('takes a single disk without a map', () => {
  const host = new HostTree();
  host.disk('sda', { number: '8:0', address: '0:0:1:0', parent: 'devices/tcm_loop_0/host0' });
  const device = logicalUnitOf(host.sysfs, '8:0', '/dev/sda');
  expect(device).toEqual({ name: 'sda', wwid, map: undefined });
  const [path] = readPathsOf(host.sysfs, device).paths;
  expect(path).toMatchObject({ id: '0:0:1:0', genericName: undefined, initiator: undefined });
});

it('takes a map that kpartx has made partitions of, but none of the partitions', () => {
  const host = new HostTree();
  iscsiMap(host);
  host.map('dm-1', `part1-mpath-${multipathdWwid}`, 'mpatha-part1', ['dm-0']);
  expect(logicalUnitOf(host.sysfs, '253:0', '/dev/dm-0').name).toBe('dm-0');
  expect(() => logicalUnitOf(host.sysfs, '253:1', '/dev/mapper/mpatha-part1')).toThrow(
    '/dev/mapper/mpatha-part1 is a partition (mpatha-part1), and reservations are of the whole ' +
      'logical unit: give the multipath map or the disk itself',
  );
});

it.each([
  ['LVM-abcdef', 'a logical volume (x)'],
  ['CRYPT-LUKS2-abc-x', 'an encrypted volume (x)'],
  ['', 'a device-mapper map of another kind (x)'],
])('refuses a map with the uuid "%s"', (uuid, description) => {
  const host = new HostTree();
  iscsiMap(host);
  host.map('dm-1', uuid, 'x', ['dm-0']);
  expect(() => logicalUnitOf(host.sysfs, '253:1', '/dev/x')).toThrow(`/dev/x is ${description}, `);
});

it('refuses a partition, and names its disk', () => {
  const host = new HostTree();
  const device = host.disk('sda', {
    number: '8:0',
    address: '0:0:1:0',
    parent: 'devices/tcm_loop_0/host0',
  });
  host.file(`${device}/block/sda/sda1/partition`, '1');
  host.link('class/block/sda1', `${device}/block/sda/sda1`);
  host.link('dev/block/8:1', `${device}/block/sda/sda1`);
  expect(() => logicalUnitOf(host.sysfs, '8:1', '/dev/sda1')).toThrow(
    '/dev/sda1 is a partition of sda, and reservations are of the whole logical unit: give /dev/sda',
  );
});

it('refuses what is neither SCSI nor NVMe, what has no name, and what is not there', () => {
  const host = new HostTree();
  host.block('vda', '254:0', 'devices/pci0/virtio1/block/vda');
  host.link('block/vda/device', 'devices/pci0/virtio1');
  expect(() => logicalUnitOf(host.sysfs, '254:0', '/dev/vda')).toThrow(
    '/dev/vda (vda) is neither a SCSI disk, nor an NVMe namespace, nor a dm-multipath map of such',
  );
  expect(() => logicalUnitOf(host.sysfs, '8:0', '/dev/sda')).toThrow(
    '/dev/sda is unknown to this kernel: is it a stale node?',
  );
  const device = host.disk('sdb', { number: '8:16', address: '0:0:2:0', parent: 'devices/host0' });
  host.remove(`${device}/wwid`);
  expect(() => logicalUnitOf(host.sysfs, '8:16', '/dev/sdb')).toThrow(
    'sdb gives its logical unit no worldwide name (VPD page 83h)',
  );
  host.map('dm-0', 'mpath-3600', 'mpatha', []);
  expect(() => logicalUnitOf(host.sysfs, '253:0', '/dev/dm-0')).toThrow(
    "the multipath map mpatha has no path now, so its logical unit can't be told",
  );
});

it('never takes a path of a map that leads to another logical unit', () => {
  const host = new HostTree();
  const { sdc } = iscsiMap(host);
  const device = logicalUnitOf(host.sysfs, '253:0', '/dev/dm-0');
  host.file(`${sdc}/wwid`, 'naa.60014059999999999999999999999999');
  const { paths, strangers } = readPathsOf(host.sysfs, device);
  expect(paths.map(({ name }) => name)).toEqual(['sdb']);
  expect(strangers.map(({ name }) => name)).toEqual(['sdc']);
});

it('has no paths once the map is gone, or its name has gone to another', () => {
  const host = new HostTree();
  iscsiMap(host);
  const device = logicalUnitOf(host.sysfs, '253:0', '/dev/dm-0');
  host.file('devices/virtual/block/dm-0/dm/uuid', 'mpath-3600another');
  expect(readPathsOf(host.sysfs, device).paths).toEqual([]);
  host.remove('block/dm-0');
  expect(readPathsOf(host.sysfs, device).paths).toEqual([]);
});

it('gives a path another id after a new login, but not after recovery of the session', () => {
  const host = new HostTree();
  const { sdc } = iscsiMap(host);
  const device = logicalUnitOf(host.sysfs, '253:0', '/dev/dm-0');
  const idOf = (name: string) =>
    readPathsOf(host.sysfs, device).paths.find((path) => path.name === name)?.id;
  const before = idOf('sdc');
  host.sessionState(2, 'FAILED');
  host.sessionState(2, 'LOGGED_IN');
  expect(idOf('sdc')).toBe(before);

  host.leave('dm-0', 'sdc');
  host.removeDisk('sdc', '8:32', sdc);
  const options = { number: '8:32', address: '3:0:0:0', parent: host.session(3), generic: 'sg2' };
  host.disk('sdc', options);
  host.join('dm-0', 'sdc');
  expect(idOf('sdc')).toBe(sessionNexus(3));
  expect(before).toBe(sessionNexus(2));
});
