/** Clustering software as Debian has it, in a guest on the host's multipath device. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

import { checkout } from '../support/images.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import { allRounds } from '../support/rounds.js';
import { bootServedGuest, conflict, guestDisk, persist, write } from './support/served-guest.js';
import { describeOnKernels } from './support/use-lab.js';

type Node = Pick<LabMachine, 'run'>;

const other = '/dev/lab/other';
const registrantsOnly = 'Write Exclusive, registrants only';
/** fence_mpath is the machine's, not the guest's: see guest-multipath.sh. */
const guestMap = { command: 'chroot /host fence_mpath', devices: '/dev/mapper/mpatha' };
const guestPlainDisk = { command: 'fence_scsi', devices: guestDisk };
const otherHost = { command: 'fence_scsi', devices: other };

/** Emulated processors in emulated processors: a fence agent takes its time. */
const patience = 300_000;

/** Runs a fence agent, for the key of the node that is let in or fenced. */
function fence(
  node: Node,
  agent: typeof otherHost,
  action: 'on' | 'off' | 'status',
  key: string,
  more = '',
): Promise<string> {
  const { command, devices } = agent;
  return node.run(
    `${command} --action=${action} --key=${key} --devices=${devices} ${more} 2>&1`,
    patience,
  );
}

describeOnKernels(
  'a node of a cluster on two paths',
  labSetups.iscsi,
  (lab) => {
    const keys = async () => keysOf(await targetView(lab.host, `${other}-sg`));
    const writeElsewhere = `dd if=/dev/zero of=${other} bs=4k count=1 oflag=direct`;

    /** Two nodes: the guest with key a1, another host with b2; each fences the other and is let in. */
    async function fenceEachOther(guest: Node, agent: typeof otherHost, guestWrite: string) {
      const { host } = lab;
      expect(await fence(guest, agent, 'on', 'a1')).toContain('Success: Powered ON');
      expect(await fence(host, otherHost, 'on', 'b2')).toContain('Success: Powered ON');
      expect(await keys()).toEqual(['a1', 'a1', 'b2']);
      expect(await fence(guest, agent, 'status', 'b2')).toContain('Status: ON');
      await guest.run(guestWrite);
      await host.run(writeElsewhere);

      expect(await fence(guest, agent, 'off', 'b2')).toContain('Success: Powered OFF');
      const held = await targetView(host, `${other}-sg`);
      expect(keysOf(held)).toEqual(['a1', 'a1']);
      expect(held.filter(({ holds }) => holds === registrantsOnly)).toHaveLength(1);
      await expect(host.run(writeElsewhere)).rejects.toThrow(conflict);
      await guest.run(guestWrite);

      expect(await fence(host, otherHost, 'on', 'b2')).toContain('Success: Powered ON');
      expect(await fence(host, otherHost, 'off', 'a1')).toContain('Success: Powered OFF');
      expect(await keys()).toEqual(['b2']);
      await expect(guest.run(guestWrite)).rejects.toThrow(conflict);
      await expect(fence(guest, agent, 'status', 'a1')).rejects.toThrow('Status: OFF');
      expect(await keys(), 'nothing revives it').toEqual(['b2']);

      expect(await fence(guest, agent, 'on', 'a1')).toContain('Success: Powered ON');
      expect(await keys()).toEqual(['a1', 'a1', 'b2']);
      // Enough to go down both paths, which multipathd takes in turn.
      for (let turn = 0; turn < 4; turn += 1) await guest.run(guestWrite);
    }

    test('fence_scsi fences another host, is fenced by it, and comes back', async () => {
      const { host } = lab;
      const guest = await bootServedGuest(host);
      await fenceEachOther(guest, guestPlainDisk, write);

      const log = await fence(guest, guestPlainDisk, 'on', 'a1', '--verbose');
      expect(log, 'a registered node preempts itself').toContain(
        `-n -o -P -T 5 -K a1 -S a1 -d ${guestDisk}`,
      );
      expect(await keys()).toEqual(['a1', 'a1', 'b2']);
      for (let turn = 0; turn < 4; turn += 1) await guest.run(write);
    });

    async function fenceMpath(): Promise<void> {
      const guest = await bootServedGuest(lab.host);
      const script = await readFile(`${checkout}test/lab/support/guest-multipath.sh`, 'utf8');
      await guest.run(`key=a1\n${script}`, patience);
      await fenceEachOther(
        guest,
        guestMap,
        `dd if=/dev/zero of=${guestMap.devices} bs=4k count=1 oflag=direct 2>&1`,
      );
    }
    // It takes minutes: emulated Python out of another machine's files.
    if (allRounds) test('fence_mpath on a map in the guest does so, too', fenceMpath);

    test("lvmpersist's commands: WE is not offered and refused, WEAR works", async () => {
      const { host } = lab;
      const guest = await bootServedGuest(host);
      // As LVM 2.03.34's lvmpersist sends them for a plain disk: `devtest` and `start` with their
      // default access first, which want WE, then `start --prtype WEAR`, `remove` and `stop`.
      const capabilities = await persist(guest, '--in --report-capabilities');
      expect(capabilities).toContain('Write Exclusive: 0');
      expect(capabilities).toContain('Exclusive Access: 0');
      expect(capabilities).toContain('Write Exclusive, all registrants: 1');
      await persist(guest, '--out --register-ignore --param-sark=0x1000000000000001');
      await expect(
        persist(guest, '-v --out --reserve --param-rk=0x1000000000000001 --prout-type=1'),
      ).rejects.toThrow(/Illegal request[^]*Invalid field in cdb/i);
      expect(await persist(guest, '--in --read-reservation')).toContain('NO reservation held');

      await persist(guest, '--out --reserve --param-rk=0x1000000000000001 --prout-type=7');
      await persist(host, '--out --register-ignore --param-sark=0x1000000000000002', `${other}-sg`);
      expect(await persist(guest, '--in --read-keys')).toMatch(
        / 0x1000000000000001\n[^]* 0x1000000000000002\n/,
      );
      await guest.run(write);
      await host.run(writeElsewhere);
      const remove = '--param-sark=0x1000000000000002 --param-rk=0x1000000000000001';
      await persist(guest, `--out --preempt-abort ${remove} --prout-type=7`);
      expect(await persist(guest, '--in --read-keys')).not.toContain('0x1000000000000002');
      await expect(host.run(writeElsewhere)).rejects.toThrow(conflict);
      for (let turn = 0; turn < 4; turn += 1) await guest.run(write);
      expect(await persist(guest, '--in --read-reservation')).toContain(
        'Write Exclusive, all registrants',
      );
      await persist(guest, '--out --register --param-rk=0x1000000000000001');
      expect(await keys()).toEqual([]);
      await host.run(writeElsewhere);
    });
  },
  ['6.12'],
);
