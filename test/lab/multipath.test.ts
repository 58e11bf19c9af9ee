/** How a host's paths look to holdfast, without any privilege, and what doctor says of them. */

import { expect, test } from 'vitest';

import { bring } from './support/bring.js';
import type { LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { describeOnKernels } from './support/use-lab.js';

const wwid = 'naa.60014051111111122223333444455555';
const lockHolder = `
  const lock = await import('/opt/holdfast/dist/device/logical-unit-lock.js');
  lock.takeLogicalUnitLock(process.argv[2]);
  console.log('held');
  setInterval(() => undefined, 2 ** 30);
`;
const doctor = '$as_holdfast node /opt/holdfast/dist/cli/main.js doctor';

interface SeenPath {
  id: string;
  name: string;
  state: string;
  group: number;
  transport: string;
  initiator?: { protocol: string; name?: string };
}

/** Watches a device's paths in the machine as the user holdfast, from when all of them are up. */
async function watch(host: LabMachine, device: string): Promise<void> {
  await bring(host, 'watch-paths.mjs');
  await host.run(`
    spawn paths $as_holdfast node /run/watch-paths.mjs ${device}
    logged paths '"paths"'
    wait_for "grep '^{' $logs/paths.log | tail -n 1 | grep -v down | grep -q up"`);
}

/** What it saw last. */
async function seen(host: LabMachine): Promise<{ name: string; paths: SeenPath[] }> {
  const line = await host.run(`grep '^{' $logs/paths.log | tail -n 1`);
  return JSON.parse(line) as { name: string; paths: SeenPath[] };
}

/** Waits until the path at that node is in that state, as the watcher sees it. */
async function becomes(host: LabMachine, node: string, state: string): Promise<void> {
  await host.run(`
    name=$(basename $(realpath ${node}))
    wait_for "grep '^{' $logs/paths.log | tail -n 1 |
      grep -q '\\"name\\":\\"$name\\",\\"state\\":\\"${state}\\"'"`);
}

async function nameOf(host: LabMachine, node: string): Promise<string> {
  return (await host.run(`basename $(realpath ${node})`)).trim();
}

describeOnKernels(
  'the paths of a map',
  labSetups.loop,
  (lab) => {
    test('are those that multipath shows, open by sg without privilege', async () => {
      const { host } = lab;
      await watch(host, '$map');
      const { name, paths } = await seen(host);
      expect(name).toBe(`mpatha (${wwid})`);
      const shown = await host.run(
        'multipathd show paths raw format "%d %i %m" | grep mpatha | sort',
      );
      expect(paths.map((path) => `${path.name} ${path.id} mpatha`)).toEqual(
        shown.trim().split('\n'),
      );
      for (const path of paths) {
        expect(path).toMatchObject({ state: 'up', transport: `${path.name} (${path.id}) by sg` });
      }
      const sees = `sees mpatha (${wwid})`;
      expect(await host.run(`${doctor} /dev/lab/path2 | sed -n 's/^mpatha/sees &/p'`)).toBe(
        `${sees}\n`,
      );
    });

    test('go down and come back with their transport', async () => {
      const { host } = lab;
      await watch(host, '$map');
      await host.run('loop_transport 1 offline');
      await becomes(host, '/dev/lab/path1', 'down');
      expect((await seen(host)).paths.map(({ state }) => state).sort()).toEqual(['down', 'up']);
      await host.run('loop_transport 1 online');
      await becomes(host, '/dev/lab/path1', 'up');
    });
  },
  ['6.12'],
);

describeOnKernels(
  'an iSCSI session',
  labSetups.iscsi,
  (lab) => {
    test('is one path, the same when it is healed, and another after a new login', async () => {
      const { host } = lab;
      const name = await nameOf(host, '/dev/lab/path1');
      await watch(host, '$map');
      const find = async () => (await seen(host)).paths.find((path) => path.name === name);
      const before = await find();
      expect(before).toMatchObject({
        state: 'up',
        initiator: { protocol: 'iscsi', name: 'iqn.2026-11.org.example:host' },
      });
      expect(before?.id).toContain('iqn.2026-11.org.example:target,t,1');

      await host.run('black_hole 127.0.0.1');
      await becomes(host, '/dev/lab/path1', 'down');
      expect(await host.run('cat $logs/paths.log')).toContain(`path ${name} is down: `);
      await host.run('heal');
      await becomes(host, '/dev/lab/path1', 'up');
      expect((await find())?.id).toBe(before?.id);

      await host.run(`
        iscsiadm --mode node --portal 127.0.0.1:3260,1 --logout
        wait_for "grep -q 'path ${name} is gone' $logs/paths.log"
        iscsi_login 1 127.0.0.1 path1`);
      await becomes(host, '/dev/lab/path1', 'up');
      const again = await nameOf(host, '/dev/lab/path1');
      const after = (await seen(host)).paths.find((path) => path.name === again);
      expect(after?.id).toContain('iqn.2026-11.org.example:target,t,1');
      expect(after?.id).not.toBe(before?.id);
    });
  },
  ['6.12'],
);

describeOnKernels(
  'an NVMe namespace',
  labSetups.nvme,
  (lab) => {
    test('is one path as long as a controller leads to it', async () => {
      const { host } = lab;
      await watch(host, '/dev/nvme0n1');
      const { paths } = await seen(host);
      expect(paths).toMatchObject([{ name: 'nvme0n1', state: 'up' }]);
      expect(paths[0]?.transport).toBe('nvme0n1 (nvme0, nvme1) by nvme');

      await host.run(`
        nvme disconnect --device nvme0
        wait_for '[ ! -e /sys/class/nvme/nvme0 ]'`);
      const text = await host.run(`${doctor} /dev/nvme0n1 || echo "ended with $?"`);
      expect(text).toContain('path nvme0n1: it is up');
      await host.run(`
        nvme disconnect --device nvme1
        wait_for 'grep -q "path nvme0n1 is gone" $logs/paths.log'`);
      const reports = await host.run('grep "^path" $logs/paths.log');
      expect(reports).toMatch(
        /is down: it has not said yet.*\n.* is up\n(.* is down: .*\n)?.* is gone\n$/,
      );
    });
  },
  ['7'],
);

describeOnKernels(
  'doctor as a user without privilege',
  labSetups.loop,
  (lab) => {
    test('finds nothing that must be mended on a host that is set up', async () => {
      const { host } = lab;
      const text = await host.run(`${doctor} $map`);
      expect(text).toContain(`mpatha (${wwid})`);
      expect(text).toContain('paths: 2 of 2 paths can carry commands');
      expect(text).toContain(': reservation commands go by sg: ');
      expect(text).toContain('multipathd: it leaves the registrations of mpatha alone');
      expect(text).not.toContain('MUST');
      expect(await host.run(doctor)).toContain(`mpatha (${wwid})`);
    });

    test('a logical unit has one user on the host, whoever runs it', async () => {
      const { host } = lab;
      await host.write('/run/lab/hold-lock.mjs', lockHolder);
      const hold = `node /run/lab/hold-lock.mjs ${wwid}`;
      await host.run(`spawn first $as_holdfast ${hold}; logged first held`);
      await expect(host.run(hold)).rejects.toThrow(
        `the reservations of ${wwid} are in use on this host by process `,
      );
      await host.run('kill $(cat $logs/first.pid); wait_for "! running first"');
      await host.run(`spawn second ${hold}; logged second held`);
      await expect(host.run(`$as_holdfast ${hold}`)).rejects.toThrow(
        `the reservations of ${wwid} are in use on this host by another user's process`,
      );
      expect(await host.run(`${doctor} $map`)).toContain("in use on this host by another user's");
    });

    test('says who has no access, and how to give it', async () => {
      const { host } = lab;
      await host.run('chown root:root /dev/sd? /dev/sg?');
      const text = await host.run(`${doctor} $map || echo "ended with $?"`);
      expect(text).toMatch(/MUST {4}path sd.: reservation commands can't be sent over it: sg: /);
      expect(text).toContain('ended with 9');
    });

    test('refuses what multipathd would do by itself', async () => {
      const { host } = lab;
      await host.run('allow_mpathpersist');
      const text = await host.run(`${doctor} $map || echo "ended with $?"`);
      expect(text).toContain("multipathd: multipathd's reservation_key for mpatha is file");
      expect(text).toContain('ended with 9');
    });
  },
  ['6.12'],
);
