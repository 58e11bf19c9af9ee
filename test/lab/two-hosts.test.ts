/** Two machines on one logical unit, joined by a network: one fences the other. */
import { expect, test } from 'vitest';

import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import { describeOnKernels } from './support/use-lab.js';

// Writes ever higher numbers to the first block until a write fails.
const numberedWriter = `
  number=0
  while printf '%-4096d' $number | dd of=$map bs=4096 count=1 iflag=fullblock oflag=direct; do
    number=$((number + 1))
  done
  echo "ended at $number"`;

const firstBlock = 'dd if=$map bs=4096 count=1 iflag=direct 2>/dev/null | tr -d " "';

describeOnKernels(
  'two hosts',
  labSetups['two-hosts'],
  (lab) => {
    test('what PREEMPT fences writes nothing any more, by no path', async () => {
      const { host, peer } = lab;
      await Promise.all([host.run('allow_mpathpersist'), peer.run('allow_mpathpersist')]);
      await host.run(`
        mpathpersist --out --register --param-sark=0xa1 $map
        mpathpersist --out --reserve --param-rk=0xa1 --prout-type=5 $map`);
      await peer.run('mpathpersist --out --register --param-sark=0xb1 $map');
      expect(keysOf(await targetView(host, '/dev/lab/path1-sg'))).toEqual(['a1', 'a1', 'b1', 'b1']);

      const writer = peer.run(numberedWriter);
      await host.run(`wait_for '[ "$(${firstBlock})" -ge 3 ]'`);
      await host.run(
        'mpathpersist --out --preempt --param-rk=0xa1 --param-sark=0xb1 --prout-type=5 $map',
      );
      const fenced = await host.run(firstBlock);
      expect(await writer).toContain('Invalid exchange');
      expect(await host.run(firstBlock)).toBe(fenced);
      expect(keysOf(await targetView(host, '/dev/lab/path1-sg'))).toEqual(['a1', 'a1']);
      await host.run('dd if=/dev/zero of=$map bs=4k count=1 oflag=direct');
    });
  },
  ['6.12'],
);
