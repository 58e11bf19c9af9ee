/** A guest with a device's own reservations goes to another host, and back (fencing rule 22). */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { labSetups } from './support/lab-setup.js';
import { move, reserved, sides } from './support/moving-guest.js';
import { registered, targetState, targetView } from './support/reservations.js';
import { guestKey as key } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 1_800_000 };

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
  },
  ['6.12'],
);
