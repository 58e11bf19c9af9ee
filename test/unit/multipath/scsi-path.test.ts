import { expect, it } from 'vitest';
import { readScsiPath } from '../../../src/multipath/scsi-path.js';
import { HostTree } from './support/host-tree.js';

const parent = 'devices/tcm_loop_0/host0';

function disk(host: HostTree): string {
  return host.disk('sda', { number: '8:0', address: '0:0:1:0', parent });
}

it.each(['offline', 'transport-offline', 'blocked', 'quiesce', 'deleted', 'created-blocked'])(
  'is down while the device is %s',
  (state) => {
    const host = new HostTree();
    host.file(`${disk(host)}/state`, state);
    expect(readScsiPath(host.sysfs, 'sda')?.condition).toEqual({
      state: 'down',
      reason: `the device is ${state}`,
    });
  },
);

it.each([
  ['active/optimized', { state: 'up' }],
  ['active/non-optimized', { state: 'up' }],
  ['lba-dependent', { state: 'up' }],
  ['standby', { state: 'ghost', reason: 'its target ports are in standby' }],
  ['transitioning', { state: 'ghost', reason: 'its target ports are in transitioning' }],
  ['unavailable', { state: 'down', reason: 'its target ports are unavailable' }],
  ['offline', { state: 'down', reason: 'its target ports are offline' }],
])('with ALUA access state %s', (access, condition) => {
  const host = new HostTree();
  host.file(`${disk(host)}/access_state`, access);
  expect(readScsiPath(host.sysfs, 'sda')?.condition).toEqual(condition);
});

it('is down while its iSCSI session is, though the device still runs', () => {
  const host = new HostTree();
  host.disk('sda', { number: '8:0', address: '2:0:0:0', parent: host.session(1) });
  host.sessionState(1, 'FAILED');
  expect(readScsiPath(host.sysfs, 'sda')?.condition).toEqual({
    state: 'down',
    reason: 'iSCSI session1 is FAILED',
  });
});

it('follows a Fibre Channel remote port by its name, and knows the own port', () => {
  const host = new HostTree();
  const parent = 'devices/pci0/host3/rport-3:0-1';
  const port = `${parent}/fc_remote_ports/rport-3:0-1`;
  host.disk('sda', { number: '8:0', address: '3:0:1:7', parent });
  host.file(`${port}/port_name`, '0x5006016a3b6008ab');
  host.file(`${port}/port_state`, 'Online');
  host.file('devices/pci0/host3/fc_host/host3/port_name', '0x21000024ff7b1c2d');
  expect(readScsiPath(host.sysfs, 'sda')).toMatchObject({
    id: '0x21000024ff7b1c2d 0x5006016a3b6008ab',
    condition: { state: 'up' },
    initiator: { protocol: 'fibre-channel', portName: 0x21000024ff7b1c2dn },
  });
  host.file(`${port}/port_state`, 'Blocked');
  expect(readScsiPath(host.sysfs, 'sda')?.condition).toEqual({
    state: 'down',
    reason: 'remote port rport-3:0-1 is Blocked',
  });
});

it('is no path without a SCSI device, and down when the device goes while it is read', () => {
  const host = new HostTree();
  expect(readScsiPath(host.sysfs, 'sda')).toBeUndefined();
  host.remove(`${disk(host)}/state`);
  expect(readScsiPath(host.sysfs, 'sda')?.condition).toEqual({
    state: 'down',
    reason: 'the device is gone',
  });
});
