/** Keys and names that are not what they seem: of another host, of multipathd, of another unit. */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, registered, targetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { type Answer, type ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key, guestOfMap, serveMap } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 3_600_000 };
const count = rounds(20, 1);
const registerKey = { action: 'register', newKey: key } as const;

/** Enough to go down both paths. */
async function writes(guest: ScriptedGuest): Promise<Set<Answer>> {
  const answers = new Set<Answer>();
  for (let lba = 0; lba < 8; lba += 1) answers.add(await guest.write(lba, lba));
  return answers;
}

const flap = (path: number) => `
  loop_transport ${path} offline
  wait_for '[ $(ready_paths) = 1 ]'
  loop_transport ${path} online
  wait_for '[ $(ready_paths) = 2 ]'`;

/** The guest and another host with the same key; the other one holds the reservation. */
async function shareKey(host: LabMachine, guest: ScriptedGuest): Promise<void> {
  await asOther(host, '--register-ignore --param-sark=a1');
  await asOther(host, `--reserve --param-rk=a1 --prout-type=${type}`);
  expect(await guest.insist(registerKey)).toBe('good');
  await registered(host, 'a1', 3);
  expect(await guest.keys()).toEqual(['a1', 'a1']);
}

describeOnKernels(
  'a key that two hosts have',
  labSetups.loop,
  (lab) => {
    test('is no witness: a path is not repaired as long as it lasts', patience, async () => {
      const { host } = lab;
      const guest = await guestOfMap(host);
      for (let round = 0; round < count; round += 1) {
        await shareKey(host, guest);
        const node = `/dev/lab/path${1 + (round % 2)}-sg`;
        await host.run(`wait_for 'sg_turs ${node}' 10
          sg_persist -n --out --register --param-rk=a1 --param-sark=0 ${node}`);
        expect(await writes(guest)).toContain('conflict');
        await host.run("logged serve 'another host has it, too'");
        expect((await targetState(host)).keys).toEqual(['a1', 'a1']);

        // Now it is the guest's alone.
        await asOther(host, '--register --param-rk=a1 --param-sark=f1');
        expect(await writes(guest)).toEqual(new Set(['good']));
        await registered(host, 'a1', 2);
        expect((await targetState(host)).keys).toEqual(['a1', 'a1', 'f1']);
        await asOther(host, '--clear --param-rk=f1');
        await guest.keys();
      }
      console.log(`${count} times not repaired by another host's registration of the guest's key`);
    });

    test('revives no guest that the other host has preempted by it', patience, async () => {
      const { host } = lab;
      const guest = await guestOfMap(host);
      for (let round = 0; round < count; round += 1) {
        await shareKey(host, guest);
        await asOther(host, `--preempt --param-rk=a1 --param-sark=a1 --prout-type=${type}`);
        expect((await targetState(host)).keys).toEqual(['a1']);
        expect(await writes(guest)).not.toContain('good');
        await host.run(flap(1 + (round % 2)));
        expect(await writes(guest)).not.toContain('good');
        expect(await guest.keys()).toEqual(['a1']);
        expect((await targetState(host)).keys).toEqual(['a1']);
        await asOther(host, '--clear --param-rk=a1');
        await guest.keys();
      }
      console.log(`${count} times not revived by another host's registration of the guest's key`);
    });
  },
  ['6.12'],
);

describeOnKernels(
  "multipathd's own idea of a key",
  labSetups.loop,
  (lab) => {
    test('keeps the reservations from being served until it is gone', patience, async () => {
      const { host } = lab;
      // What another program has left: the key in the file, and the setting that makes use of it.
      await host.run(`allow_mpathpersist
        mpathpersist --out --register --param-sark=0xdead $map
        sg_persist -n --out --clear --param-rk=0xdead /dev/lab/path1-sg
        grep -i dead /etc/multipath/prkeys`);
      await expect(serveMap(host)).rejects.toThrow('reservation_key for mpatha is file');

      await host.run(`sed -i '/reservation_key/d' /etc/multipath.conf
        multipathd reconfigure
        wait_for '[ $(ready_paths) = 2 ]'
        chmod 0711 /etc/multipath; chmod 0644 /etc/multipath/prkeys`);
      await expect(serveMap(host)).rejects.toThrow('remembers the key');

      // Who can't see that need not: multipathd makes no use of it.
      await host.run('chmod 0600 /etc/multipath/prkeys');
      const guest = await guestOfMap(host);
      expect(await guest.insist(registerKey)).toBe('good');
      await host.run(flap(1));
      expect((await targetState(host)).keys).toEqual(['a1', 'a1']);
      expect(await guest.keys()).toEqual(['a1']);
    });

    test('holds a guest back that is served already, and revives none', patience, async () => {
      const { host } = lab;
      const guest = await guestOfMap(host);
      await asOther(host, '--register --param-sark=f1');
      await asOther(host, `--reserve --param-rk=f1 --prout-type=${type}`);
      expect(await guest.insist(registerKey)).toBe('good');
      await host.run(`
        sed -i 's/^defaults {/&\\n  reservation_key 0xdead/' /etc/multipath.conf
        multipathd reconfigure
        wait_for '[ $(ready_paths) = 2 ]'`);
      await host.run(flap(1));
      await host.run("logged serve 'reservation_key for mpatha is 0xdead'");
      const held = writes(guest);
      await asOther(host, `--preempt --param-rk=f1 --param-sark=a1 --prout-type=${type}`);
      await host.run(`
        sed -i '/reservation_key/d' /etc/multipath.conf
        multipathd reconfigure
        wait_for '[ $(ready_paths) = 2 ]'
        logged serve 'nothing stands against the reservations any more'`);
      expect(await held).not.toContain('good');
      expect(await writes(guest)).not.toContain('good');
      expect((await targetState(host)).keys).not.toContain('a1');
    });
  },
  ['6.12'],
);

/** Portal 1 shows a second unit beside the first, on which the very nexus of path 1 has the key. */
const showSecondUnit = `
  second=$target/core/rd_mcp_0/second
  mkdir -p $second
  echo rd_pages=16384 >$second/control
  echo 99999999-2222-3333-4444-555555555555 >$second/wwn/vpd_unit_serial
  echo 1 >$second/enable
  group=$target/iscsi/$iscsi_name:target/tpgt_1
  mkdir -p $group/lun/lun_1 $group/acls/$iscsi_name:host/lun_1
  ln -s $second $group/lun/lun_1/port
  ln -s $group/lun/lun_1 $group/acls/$iscsi_name:host/lun_1/port
  echo 0 >$group/acls/$iscsi_name:host/lun_1/write_protect
  session=$(iscsi_session 127.0.0.1)
  number=\${session##*session}
  iscsiadm --mode session --sid $number --rescan
  wait_for "ls $session/device/target*/*:1/scsi_generic"
  node=$(generic_of $session/device/target*/*:1)
  wait_for "sg_turs $node"
  sg_persist -n --out --register --param-sark=a1 $node`;

/** What was LUN 0 at portal 1 is the second unit from now on. */
const remap = `
  acl=$target/iscsi/$iscsi_name:target/tpgt_1/acls/$iscsi_name:host/lun_0
  rm $acl/port
  ln -s $target/iscsi/$iscsi_name:target/tpgt_1/lun/lun_1 $acl/port
  echo 0 >$acl/write_protect`;

describeOnKernels(
  'a LUN that leads to another logical unit',
  labSetups.iscsi,
  (lab) => {
    test.each([
      { when: 'at once', wait: '' },
      // multipathd's checker has taken up by then what the unit has to tell of it.
      { when: 'later', wait: 'sleep 5' },
    ])('is not cleared in its place, $when', patience, async ({ wait }) => {
      const { host } = lab;
      await host.run(showSecondUnit);
      const guest = await guestOfMap(host);
      expect(await guest.insist(registerKey)).toBe('good');
      await registered(host, 'a1', 2);

      await host.run(`${remap}\n${wait}`);
      expect(await guest.insist({ action: 'clear', key })).toBe('good');
      expect((await targetState(host)).keys).toEqual([]);
      const second = await host.run('cat $target/core/rd_mcp_0/second/pr/res_pr_registered_i_pts');
      expect(second, 'the other unit').toContain('Key: 0x00000000000000a1');
      await host.run("logged serve 'leads to another logical unit now'");
    });
  },
  ['6.12'],
);
