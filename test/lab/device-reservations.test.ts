/** A guest's reservations on the host's multipath device: serve --pr device, without privileges. */
import { expect, test } from 'vitest';

import { LabGuest } from './support/lab-guest.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import { describeOnKernels } from './support/use-lab.js';

const initiators = ['0x6001405000000001', '0x6001405000000002'];
const registrantsOnly = 'Write Exclusive, registrants only';
const other = '/dev/lab/other-sg';

/** Serves the map to guest 1 of the machine. */
async function boot(host: LabMachine): Promise<LabGuest> {
  await host.run(`serve --device scsi --scsi-config --pr device --blk-file $map \\
    --initiator-name iqn.2026-11.org.example:node1 --socket-path guest.sock`);
  return LabGuest.boot(host, 1, '/run/holdfast/guest.sock');
}

/** sg_persist in the guest, after what may have happened was taken notice of. */
function persist(guest: LabGuest, args: string): Promise<string> {
  return guest.run(`sg_turs /dev/sda >/dev/null; sg_persist -n ${args} /dev/sda`);
}

/** What another host does, by its own way into the target. */
function asOther(host: LabMachine, args: string): Promise<string> {
  return host.run(`sg_turs ${other} >/dev/null; sg_persist -n --out ${args} ${other}`);
}

const write = 'dd if=/dev/zero of=/dev/sda bs=4k count=1 oflag=direct 2>&1';

describeOnKernels('a guest on two paths', labSetups.loop, (lab) => {
  test('registers, reserves, releases, preempts and clears on both', async () => {
    const { host } = lab;
    const guest = await boot(host);
    await persist(guest, '--out --register --param-sark=a1');
    expect(keysOf(await targetView(host, other))).toEqual(['a1', 'a1']);
    await persist(guest, '--out --reserve --param-rk=a1 --prout-type=5');
    const held = await targetView(host, other);
    expect(held.map(({ initiator }) => initiator).sort()).toEqual(initiators);
    expect(held.filter(({ holds }) => holds === registrantsOnly)).toHaveLength(1);
    const seen = await persist(guest, '--in --read-full-status');
    expect(seen.match(/Key=0x/g), 'its host is one registrant').toHaveLength(1);
    expect(seen).toContain('iqn.2026-11.org.example:node1');
    console.log(`the guest's view:\n${seen}\nthe target's:\n${JSON.stringify(held, null, 2)}`);

    await expect(
      host.run('dd if=/dev/zero of=/dev/lab/other bs=4k count=1 oflag=direct'),
    ).rejects.toThrow('Invalid exchange');
    // Enough to go down both paths, which multipathd takes in turn.
    for (let turn = 0; turn < 4; turn += 1) await guest.run(write);

    await asOther(host, '--register --param-sark=f1');
    await persist(guest, '--out --preempt --param-rk=a1 --param-sark=f1 --prout-type=5');
    expect(keysOf(await targetView(host, other))).toEqual(['a1', 'a1']);
    await persist(guest, '--out --release --param-rk=a1 --prout-type=5');
    expect(await persist(guest, '--in --read-reservation')).toContain('NO reservation');
    await persist(guest, '--out --clear --param-rk=a1');
    expect(await targetView(host, other)).toEqual([]);
  });
});

describeOnKernels(
  'a guest on two paths that come and go',
  labSetups.loop,
  (lab) => {
    test('is fenced by another host, and let in again', async () => {
      const { host } = lab;
      const guest = await boot(host);
      await persist(guest, '--out --register --param-sark=a1');
      await persist(guest, '--out --reserve --param-rk=a1 --prout-type=5');
      await asOther(host, '--register --param-sark=f1');
      await asOther(host, '--preempt --param-rk=f1 --param-sark=a1 --prout-type=5');

      await expect(guest.run(write)).rejects.toThrow('Invalid exchange');
      expect(keysOf(await targetView(host, other)), 'nothing revives it').toEqual(['f1']);
      await expect(guest.run('sg_turs -v /dev/sda 2>&1')).rejects.toThrow(/preempted/i);

      await persist(guest, '--out --register --param-sark=a2');
      expect(keysOf(await targetView(host, other))).toEqual(['a2', 'a2', 'f1']);
      await guest.run(write);
    });

    test('keeps its key while a path is gone, and has it on both when that is back', async () => {
      const { host } = lab;
      const guest = await boot(host);
      await host.run("loop_transport 1 offline; wait_for '[ $(ready_paths) = 1 ]'");
      await persist(guest, '--out --register --param-sark=a1');
      await persist(guest, '--out --reserve --param-rk=a1 --prout-type=5');
      expect(keysOf(await targetView(host, other))).toEqual(['a1']);
      await guest.run(write);

      await host.run(`loop_transport 1 online
      wait_for '[ $(sg_persist -n --in -k ${other} | grep -c 0xa1) = 2 ]'`);
      for (let turn = 0; turn < 4; turn += 1) await guest.run(write);
    });

    test('a second server of it is refused, with the reason', async () => {
      const { host } = lab;
      await boot(host);
      const second = host.run(`$as_holdfast node /opt/holdfast/dist/cli/main.js serve \\
        --pr device --blk-file /dev/lab/path1 --socket-path /run/holdfast/second.sock`);
      await expect(second).rejects.toThrow(/in use/);
    });
  },
  ['6.12'],
);
