/** Programs that import holdfast/pr, on a real multipath device. */
import { expect, test } from 'vitest';
import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import { describeOnKernels } from './support/use-lab.js';

const other = '/dev/lab/other-sg';

// The kernel's own look at the device takes up the unit attention of having been preempted.
const fencedOnce = `! dd if=/dev/zero of=/dev/lab/other bs=4k count=1 oflag=direct 2>/dev/null`;

describeOnKernels(
  'a program that imports holdfast/pr',
  // tcm_loop does not get through a PREEMPT AND ABORT.
  labSetups.iscsi,
  (lab) => {
    for (const [way, socket, start] of [
      ['the paths of this host', '', ''],
      [
        'the daemon',
        '/run/holdfast/prd.sock',
        `spawn prd $as_holdfast node /opt/holdfast/dist/cli/main.js prd --state-directory state \\
           --runtime-directory run --socket-path /run/holdfast/prd.sock
         logged prd serving`,
      ],
    ] as const) {
      test(`fences another host through ${way}`, async () => {
        const { host } = lab;
        const said = await host.run(`
          install -d -o holdfast -g holdfast /run/holdfast /var/lib/holdfast
          cd /run/holdfast
          ${start}
          sg_persist -n --out --register --param-sark=b1 ${other}
          sg_persist -n --out --reserve --param-rk=b1 --prout-type=5 ${other}
          $as_holdfast node /opt/holdfast/examples/take-over.mjs $map 0xa1 ${socket}
          ${fencedOnce}`);
        expect(said).toContain('fenced 0xb1');
        const view = await targetView(host, other);
        expect(keysOf(view)).toEqual(['a1', 'a1']);
        expect(view.filter(({ holds }) => holds !== undefined)).toHaveLength(1);
      });
    }
  },
  ['6.12'],
);
