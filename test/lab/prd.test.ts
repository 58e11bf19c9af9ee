/** The reservation daemon on a real multipath device, for a client that speaks QEMU's protocol. */
import { expect, test } from 'vitest';

import { bring } from './support/bring.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { startPrd } from './support/prd.js';
import { keysOf, targetView } from './support/reservations.js';
import { describeOnKernels } from './support/use-lab.js';

interface Reply {
  status: number;
  sense: string;
  data: string;
}

const noCapability = '$as_holdfast';
/** root, as a stand-in for a user with CAP_SYS_ADMIN and access to /dev/mapper/control. */
const mayDoAll = '';
const socket = '/run/holdfast/pr-helper.sock';
const good: Reply = { status: 0, sense: '', data: '' };
const conflict: Reply = { ...good, status: 0x18 };

/** Starts the daemon, and brings its client. */
async function prd(host: LabMachine, as: string, more = ''): Promise<void> {
  await bring(host, 'pr-helper-client.py');
  await startPrd(host, { prHelperSocket: socket, as, more });
}

/** What QEMU would be told, as a user who may open the map and nothing else. */
async function ask(host: LabMachine, ...commands: string[]): Promise<Reply[]> {
  const output = await host.run(
    `${noCapability} python3 /run/pr-helper-client.py ${socket} $map ${commands.join(' ')}`,
  );
  const lines = output.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Reply);
}

/** READ KEYS: generation, length, keys. */
function keysIn(reply: Reply | undefined): string[] {
  return (reply?.data.slice(16).match(/.{16}/g) ?? []).map((key) =>
    BigInt(`0x${key}`).toString(16),
  );
}

describeOnKernels(
  'holdfast prd in place of qemu-pr-helper',
  labSetups.loop,
  (lab) => {
    test('registers all paths without a capability, and shows one registrant', async () => {
      const { host } = lab;
      await prd(host, noCapability);
      const replies = await ask(host, 'register,0,a1', 'reserve,a1,0,5', 'keys', 'reserve,a2,0,5');
      expect(replies).toEqual([good, good, expect.anything(), conflict]);
      expect(keysIn(replies[2])).toEqual(['a1']);

      const view = await targetView(host, '/dev/lab/other-sg');
      expect(keysOf(view)).toEqual(['a1', 'a1']);
      await host.run('dd if=/dev/zero of=$map bs=4k count=64 oflag=direct');
      await expect(
        host.run('dd if=/dev/zero of=/dev/lab/other bs=4k count=1 oflag=direct'),
      ).rejects.toThrow('Invalid exchange');

      // It would take the key from the sibling path while QEMU writes.
      expect(await ask(host, 'preempt,a1,a1,5')).toEqual([
        { ...good, status: 2, sense: '5/24/00' },
      ]);
      expect(keysOf(await targetView(host, '/dev/lab/other-sg'))).toEqual(['a1', 'a1']);

      expect(await ask(host, 'release,a1,0,5', 'register,a1,0')).toEqual([good, good]);
      expect(await targetView(host, '/dev/lab/other-sg')).toEqual([]);
    });

    test('stays fenced when another host has preempted it, and says so once', async () => {
      const { host } = lab;
      await prd(host, noCapability);
      expect(await ask(host, 'register,0,a1')).toEqual([good]);
      await host.run(`
      sg_persist -n --out --register --param-sark=0xf1 /dev/lab/other-sg
      sg_persist -n --out --reserve --param-rk=0xf1 --prout-type=5 /dev/lab/other-sg
      sg_persist -n --out --preempt --param-rk=0xf1 --param-sark=0xa1 --prout-type=5 /dev/lab/other-sg`);
      const [first, second] = await ask(host, 'keys', 'keys');
      const [told, keys] = first?.status === 2 ? [first, second] : [second, first];
      expect(keysIn(keys)).toEqual(['f1']);
      if (told?.status === 2) expect(told.sense).toBe('6/2a/05');
      await expect(host.run('dd if=/dev/zero of=$map bs=4k count=1 oflag=direct')).rejects.toThrow(
        'Invalid exchange',
      );
      expect(keysOf(await targetView(host, '/dev/lab/other-sg'))).toEqual(['f1']);
    });

    test('with --suspend the guest writes through self-preempt and a path that comes back', async () => {
      const { host } = lab;
      await prd(host, mayDoAll, '--suspend');
      await host.run("wait_for '[ -d /run/holdfast/run/suspended ]'");
      expect(await ask(host, 'register,0,a1', 'reserve,a1,0,5')).toEqual([good, good]);
      await host.run(`
      spawn writer sh -c 'while [ ! -e /run/enough ]; do
        dd if=/dev/zero of='$map' bs=4k count=64 oflag=direct 2>>/run/writer.err || echo failed
      done'`);
      expect(await ask(host, 'preempt,a1,a1,5')).toEqual([good]);
      expect(keysOf(await targetView(host, '/dev/lab/other-sg'))).toEqual(['a1', 'a1']);

      await host.run(`
      loop_transport 1 offline
      wait_for '[ $(ready_paths) = 1 ]'`);
      await host.run(`
      loop_transport 1 online
      wait_for '[ $(ready_paths) = 2 ]'
      wait_for '[ $(sg_persist -n --in -k /dev/lab/other-sg | grep -c 0xa1) = 2 ]'
      touch /run/enough
      wait_for '! running writer'`);
      expect(
        await host.run('cat /run/lab/writer.log; grep -c Invalid /run/writer.err || true'),
      ).toBe('0\n');
      expect(await host.run('dmsetup info -c --noheadings -o suspended $map')).toContain('Active');
    });

    test('resumes a map that the guard left suspended when it was killed', async () => {
      const { host } = lab;
      await prd(host, mayDoAll, '--suspend');
      await host.run("wait_for '[ -d /run/holdfast/run/suspended ]'");
      // As the guard notes and suspends it, at a moment that the test can choose.
      await host.run(`
      guard=$(pgrep -f 'main.js suspend-guard')
      touch /run/holdfast/run/suspended/$(cat /sys/block/$(basename $(readlink -f $map))/dev)
      dmsetup suspend --noflush --nolockfs $map
      kill -9 $guard
      wait_for '[ -z "$(ls /run/holdfast/run/suspended)" ]'
      wait_for 'dmsetup info -c --noheadings -o suspended $map | grep -q Active'`);
      await host.run('dd if=/dev/zero of=$map bs=4k count=1 oflag=direct');
    });
  },
  ['6.12'],
);
