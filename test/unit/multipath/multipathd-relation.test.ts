import { expect, it } from 'vitest';
import { logicalUnitOf } from '../../../src/multipath/logical-unit.js';
import { relateToMultipathd } from '../../../src/multipath/multipathd-relation.js';
import { MultipathdNotices, noNotices } from '../../../src/multipath/registration-notices.js';
import { HostTree, iscsiMap, multipathdWwid, wwid } from './support/host-tree.js';

const noKey = () => ({ isReadable: true, key: undefined });

function device() {
  const host = new HostTree();
  iscsiMap(host);
  return logicalUnitOf(host.sysfs, '253:0', '/dev/dm-0');
}

/** A multipathd with that reservation_key for the lab's logical unit and none for others. */
function access(reservationKey: string | undefined, isRoot: boolean) {
  return {
    multipathd: {
      reservationKey: (wwid: string) => {
        const value = wwid === multipathdWwid ? reservationKey : undefined;
        return Promise.resolve({ kind: 'known', value } as const);
      },
    },
    client: { ask: () => Promise.resolve({ kind: 'answered', text: 'ok\n' } as const) },
    isRoot,
  };
}

it('has nothing to tell a multipathd that keeps no keys', async () => {
  for (const isRoot of [false, true]) {
    const { notices } = await relateToMultipathd(device(), access(undefined, isRoot), noKey);
    expect(notices).toBe(noNotices);
  }
});

it('tells one that keeps keys in its file, as root', async () => {
  const { notices } = await relateToMultipathd(device(), access('file', true), noKey);
  expect(notices).toBeInstanceOf(MultipathdNotices);
});

it('refuses without the privilege to tell it', async () => {
  await expect(relateToMultipathd(device(), access('file', false), noKey)).rejects.toMatchObject({
    exitCode: 8,
    message: `the reservations of mpatha (${wwid}) can't be served, since multipathd's reservation_key for mpatha is file: it would register keys on returning paths by itself, also for a guest that was fenced: remove reservation_key from multipath.conf and run "multipathd reconfigure"`,
  });
});

it('refuses a remembered key of this logical unit only', async () => {
  const remembered = (name: string) => ({
    isReadable: true,
    key: name === multipathdWwid ? '0x1' : undefined,
  });
  await expect(relateToMultipathd(device(), access(undefined, false), remembered)).rejects.toThrow(
    'multipathd remembers the key 0x1 for mpatha',
  );
});

it('leaves multipathd alone where there is no map', async () => {
  const host = new HostTree();
  host.disk('sda', { number: '8:0', address: '0:0:1:0', parent: 'devices/host0' });
  const disk = logicalUnitOf(host.sysfs, '8:0', '/dev/sda');
  const { notices, obstacle } = await relateToMultipathd(disk, access('0x1', false), noKey);
  expect(notices).toBe(noNotices);
  expect(await obstacle()).toBeUndefined();
});

it('notices what begins to stand against the reservations later', async () => {
  const settings = { reservationKey: undefined as string | undefined };
  const asked = access(undefined, false);
  asked.multipathd.reservationKey = () =>
    Promise.resolve({ kind: 'known', value: settings.reservationKey });
  const { obstacle } = await relateToMultipathd(device(), asked, noKey);
  settings.reservationKey = '0x1';
  expect(await obstacle()).toContain("multipathd's reservation_key for mpatha is 0x1");
});
