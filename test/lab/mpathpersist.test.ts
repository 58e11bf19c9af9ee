/** What a host does without holdfast: libmpathpersist over the paths of a map. */
import { expect, test } from 'vitest';

import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import { describeOnKernels } from './support/use-lab.js';

const initiators = ['0x6001405000000001', '0x6001405000000002'];
const registrantsOnly = 'Write Exclusive, registrants only';

describeOnKernels(
  'mpathpersist over two paths',
  labSetups.loop,
  (lab) => {
    test('every path and the target show what it has done', async () => {
      const { host } = lab;
      await host.run(`
      allow_mpathpersist
      mpathpersist --out --register --param-sark=0xabc1 $map
      mpathpersist --out --reserve --param-rk=0xabc1 --prout-type=5 $map`);

      const views = [];
      for (const node of ['path1', 'path2', 'other']) {
        views.push(await targetView(host, `/dev/lab/${node}-sg`));
      }
      expect(views[0]).toHaveLength(2);
      expect(views[0]?.map(({ initiator }) => initiator).sort()).toEqual(initiators);
      expect(views[0]?.filter(({ holds }) => holds === registrantsOnly)).toHaveLength(1);
      expect(keysOf(views[0] ?? [])).toEqual(['abc1', 'abc1']);
      expect(views[1]).toEqual(views[0]);
      expect(views[2]).toEqual(views[0]);

      await expect(
        host.run('dd if=/dev/zero of=/dev/lab/other bs=4k count=1 oflag=direct'),
      ).rejects.toThrow('Invalid exchange');
      await host.run('dd if=/dev/zero of=$map bs=4k count=1 oflag=direct');
    });

    test('a path that was away while the key was registered gets it when it is back', async () => {
      const { host } = lab;
      await host.run(`
      allow_mpathpersist
      loop_transport 1 offline
      wait_for '[ $(ready_paths) = 1 ]'
      mpathpersist --out --register --param-sark=0xabc2 $map`);
      expect(await targetView(host, '/dev/lab/other-sg')).toEqual([
        { key: 'abc2', initiator: initiators[1] },
      ]);

      await host.run(`
      loop_transport 1 online
      wait_for '[ $(ready_paths) = 2 ]'
      wait_for '[ $(sg_persist -n --in -k /dev/lab/other-sg | grep -c 0xabc2) = 2 ]'`);
      const view = await targetView(host, '/dev/lab/other-sg');
      expect(view.map(({ initiator }) => initiator).sort()).toEqual(initiators);
      expect(keysOf(view)).toEqual(['abc2', 'abc2']);
    });
  },
  ['6.12'],
);
