/** What may happen while a guest with a device's own reservations migrates. */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { labSetups } from './support/lab-setup.js';
import { move, reserved, sides } from './support/moving-guest.js';
import { asOther, targetState } from './support/reservations.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 1_800_000 };
const fence = `--preempt --param-rk=f1 --param-sark=a1 --prout-type=${type}`;

describeOnKernels(
  'a guest on its way with reservations of the device',
  labSetups['two-hosts'],
  (lab) => {
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
