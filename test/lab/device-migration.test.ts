/** A guest with a device's own reservations goes to another host, and back (fencing rule 22). */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { labSetups } from './support/lab-setup.js';
import { type Side, sides } from './support/moving-guest.js';
import { asOther, registered, targetState, targetView } from './support/reservations.js';
import { type ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 1_800_000 };

/** As a guest of QEMU's: its front end there is connected before the guest leaves here. */
async function move(guest: ScriptedGuest, to: Side): Promise<ScriptedGuest> {
  await to.carry();
  const arriving = to.attach();
  await guest.migration('begin');
  await guest.migration('stop');
  const arrived = await arriving;
  await to.carried();
  await guest.leave();
  return arrived;
}

/** Registers and reserves, another host registered beside it. */
async function reserved(source: Side): Promise<ScriptedGuest> {
  const guest = await source.attach();
  expect(await guest.insist({ action: 'register', newKey: key })).toBe('good');
  expect(await guest.insist({ action: 'reserve', key, type })).toBe('good');
  await asOther(source.machine, '--register --param-sark=f1');
  await registered(source.machine, 'a1', 2);
  return guest;
}

const fence = `--preempt --param-rk=f1 --param-sark=a1 --prout-type=${type}`;

describeOnKernels(
  'a guest that migrates with reservations of the device',
  labSetups['two-hosts'],
  (lab) => {
    test('holds at the other host what it held, and comes back with it', patience, async () => {
      const [here, there] = await sides(lab.host, lab.peer);
      await here.serve();
      await there.serve('--incoming');
      const guest = await reserved(here);
      expect(await guest.write(0, 1)).toBe('good');

      const away = await move(guest, there);
      await registered(lab.host, 'a1', 2);
      const view = await targetView(lab.host, '/dev/lab/other-sg');
      console.log(`at the array, with the guest away: ${JSON.stringify(view)}`);
      const initiators = view.filter((each) => each.key === 'a1');
      expect(initiators.filter(({ initiator }) => initiator.includes(':peer'))).toHaveLength(2);
      expect(initiators.filter(({ holds }) => holds !== undefined)).toHaveLength(1);
      expect(await away.read(0)).toBe(1);
      expect(await away.write(0, 2)).toBe('good');
      expect(await away.reserved()).toBe(true);
      await expect(
        lab.host.run('dd if=/dev/zero of=$map bs=4k count=1 oflag=direct'),
        'the host before',
      ).rejects.toThrow('Invalid exchange');

      const back = await move(away, here);
      expect(await back.read(0)).toBe(2);
      expect(await back.insist({ action: 'release', key, type })).toBe('good');
      expect(await back.insist({ action: 'register', key, newKey: 0n })).toBe('good');
      expect(await targetState(lab.host)).toEqual({ keys: ['f1'], reserved: false });
    });

    test.each(['before it leaves', 'while it is nowhere', 'when it is there'])(
      'is fenced for good %s',
      patience,
      async (phase) => {
        const [here, there] = await sides(lab.host, lab.peer);
        await here.serve();
        await there.serve('--incoming');
        const guest = await reserved(here);
        await there.carry();
        await guest.migration('begin');
        if (phase === 'before it leaves') await asOther(lab.host, fence);
        await guest.migration('stop');
        await there.carried();
        if (phase === 'while it is nowhere') await asOther(lab.host, fence);
        const away = await there.attach();
        if (phase === 'when it is there') await asOther(lab.host, fence);
        expect(await away.write(0, 3)).not.toBe('good');
        expect((await targetState(lab.host)).keys).toEqual(['f1']);
        await there.machine.run('iscsiadm --mode session --rescan');
        expect(await away.keys()).toEqual(['f1']);
        expect(await away.write(0, 3)).toBe('conflict');
        expect((await targetState(lab.host)).keys).toEqual(['f1']);
      },
    );

    test(
      'that is cancelled goes on where it was, three times, then migrates',
      patience,
      async () => {
        const [here, there] = await sides(lab.host, lab.peer);
        await here.serve();
        await there.serve('--incoming');
        const guest = await reserved(here);
        for (const value of [1, 2, 3]) {
          await guest.migration('begin');
          await guest.migration('stop');
          await guest.migration('end');
          await guest.migration('resume');
          expect(await guest.write(0, value)).toBe('good');
          expect((await targetState(lab.host)).keys).toEqual(['a1', 'a1', 'f1']);
        }
        const away = await move(guest, there);
        expect(await away.read(0)).toBe(3);
        expect(await away.write(0, 4)).toBe('good');
      },
    );

    test('waits at the other host until its reservations are there', patience, async () => {
      const [here, there] = await sides(lab.host, lab.peer);
      await here.serve();
      await there.serve('--incoming');
      const guest = await reserved(here);
      await guest.migration('begin');
      await guest.migration('stop');
      const arriving = there.attach();
      await lab.peer.run("logged serve 'holdfast pr migrate brings them'");
      expect((await targetState(lab.host)).keys).toEqual(['a1', 'a1', 'f1']);
      await there.carry();
      await there.carried();
      expect(await (await arriving).write(0, 5)).toBe('good');
    });
  },
  ['6.12'],
);
