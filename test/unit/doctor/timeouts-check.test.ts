import { expect, it } from 'vitest';
import { checkTimeouts } from '../../../src/doctor/timeouts-check.js';
import { readScsiPath } from '../../../src/multipath/scsi-path.js';
import { HostTree } from '../multipath/support/host-tree.js';
import { better } from './support/findings.js';

function findings({ sysfs }: HostTree) {
  const path = readScsiPath(sysfs, 'sda');
  return path === undefined ? [] : checkTimeouts(sysfs, path);
}

it('warns of long recovery times and of a noop that is off', () => {
  const tree = new HostTree();
  const parent = tree.session(1);
  tree.disk('sda', { number: '8:0', address: '2:0:0:0', parent });
  expect(findings(tree).map(({ verdict, what }) => [verdict, what])).toEqual([
    ['good', 'recovery_tmo is 5 s'],
    ['good', 'iSCSI notices a dead connection within 10 s (noop interval 5 s, time-out 5 s)'],
  ]);
  tree.file(`${parent}/iscsi_session/session1/recovery_tmo`, '120');
  tree.file(`${parent}/connection1:0/iscsi_connection/connection1:0/recv_tmo`, '0');
  expect(better(findings(tree))).toEqual([
    'recovery_tmo is 120 s',
    "iSCSI's noop is off (interval 0 s, time-out 5 s)",
  ]);
  tree.file(`${parent}/iscsi_session/session1/recovery_tmo`, '-1');
  expect(better(findings(tree))[0]).toBe('recovery_tmo is off');
});

it.each([
  ['5', []],
  ['60', ['fast_io_fail_tmo is 60 s']],
  ['off', ['fast_io_fail_tmo is off']],
])('with fast_io_fail_tmo %s of a Fibre Channel port', (setting, found) => {
  const tree = new HostTree();
  const parent = 'devices/pci0/host3/rport-3:0-1';
  tree.disk('sda', { number: '8:0', address: '3:0:1:7', parent });
  tree.file(`${parent}/fc_remote_ports/rport-3:0-1/fast_io_fail_tmo`, setting);
  expect(better(findings(tree))).toEqual(found);
});
