/** An iSCSI portal that falls silent, and how the kernel and multipathd see it. */
import { expect, test } from 'vitest';

import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import { describeOnKernels } from './support/use-lab.js';

describeOnKernels(
  'a black-holed portal',
  labSetups.iscsi,
  (lab, kernel) => {
    test('fails its path only, and the path is the same nexus when it is healed', async () => {
      const { host } = lab;
      await host.run(`
      for path in path1 path2; do sg_persist -n --out -I -S a1 /dev/lab/$path-sg; done
      sg_persist -n --out -R -K a1 -T 5 /dev/lab/path1-sg`);
      const before = await targetView(host, '/dev/lab/other-sg');
      expect(keysOf(before)).toEqual(['a1', 'a1']);

      const times = await host.run(`
      start=$(uptime_ms)
      since() { echo "$1 after $(($(uptime_ms) - start)) ms"; }
      black_hole 127.0.0.1
      state=$(iscsi_device 127.0.0.1)/state
      wait_for "grep -q blocked $state"
      since 'sysfs: blocked'
      wait_for "grep -q transport-offline $state"
      since 'sysfs: transport-offline'
      wait_for '[ $(ready_paths) = 1 ]'
      since 'multipathd: failed'
      dd if=/dev/zero of=$map bs=4k count=1 oflag=direct 2>/dev/null
      since 'a write by the other path'
      start=$(uptime_ms)
      heal
      wait_for "grep -q running $state"
      since 'healed: sysfs: running'
      wait_for '[ $(ready_paths) = 2 ]'
      since 'healed: multipathd: ready'`);
      console.log(`Linux ${kernel}, open-iscsi's own time-outs:\n${times}`);
      expect(await targetView(host, '/dev/lab/other-sg')).toEqual(before);
      expect(await targetView(host, '/dev/lab/path1-sg')).toEqual(before);
    });

    test('a mute portal executes what it never answers', async () => {
      const { host } = lab;
      await host.run(`
      sg_persist -n --out -I -S a1 /dev/lab/path1-sg
      mute 127.0.0.1
      spawn unanswered sg_persist -n --out -G -K a1 -S a2 /dev/lab/path1-sg
      wait_for 'sg_persist -n --in -k /dev/lab/other-sg | grep -q 0xa2'
      running unanswered`);

      await host.run(`heal; wait_for '! running unanswered'; wait_for '[ $(ready_paths) = 2 ]'`);
      expect(keysOf(await targetView(host, '/dev/lab/other-sg'))).toEqual(['a2']);
    });
  },
  ['6.12'],
);
