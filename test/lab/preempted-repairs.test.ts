/** Another host's PREEMPT in the middle of a repair: what was fenced stays fenced (fencing rule 8). */
import { expect, test } from 'vitest';

import { bring } from './support/bring.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { rounds } from '../support/rounds.js';
import { describeOnKernels } from './support/use-lab.js';

interface Repair {
  /** Before which step the PREEMPT was sent. */
  at: number;
  steps: number;
  preempted: boolean;
  /** At the array, afterwards. */
  keys: string[];
  /** How often the fenced guest could have written: a path had its key, and the gate was open. */
  writable: number;
  open: boolean;
}

const patience = { timeout: 3_600_000 };

async function repairsInMachine(host: LabMachine, count: number): Promise<[Repair, ...Repair[]]> {
  await bring(host, 'map-reservations.mjs', 'repair-program.mjs');
  const output = await host.run(
    `install -d -m 1777 /run/lock/holdfast
    $as_holdfast node /run/repair-program.mjs $map $(basename $(readlink -f /dev/lab/other)) ${count}`,
    3_000_000,
  );
  const lines = output.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Repair) as [Repair, ...Repair[]];
}

describeOnKernels(
  'a repair that another host preempts',
  labSetups.loop,
  (lab) => {
    test('leaves no key, whichever step the PREEMPT comes before', patience, async () => {
      const { host } = lab;
      const [undisturbed, ...repairs] = await repairsInMachine(host, rounds(100));
      expect(undisturbed.keys.sort()).toEqual(['a1', 'a1', 'f1']);
      const byStep = new Map<number, number>();
      for (const { at, preempted } of repairs) {
        if (preempted) byStep.set(at, (byStep.get(at) ?? 0) + 1);
      }
      console.log(
        `${repairs.length} repairs of ${undisturbed.steps} steps, preempted before step: ` +
          [...byStep].map(([at, times]) => `${at + 1} (${times})`).join(', '),
      );
      expect(repairs.filter(({ preempted }) => !preempted)).toEqual([]);
      expect(repairs.filter(({ keys }) => keys.join() !== 'f1')).toEqual([]);
      expect(repairs.filter(({ writable }) => writable > 0)).toEqual([]);
      for (const node of ['/dev/lab/path1', '/dev/lab/path2']) {
        const write = host.run(`dd if=/dev/zero of=${node} bs=4k count=1 oflag=direct`);
        await expect(write, 'the array lets nothing pass').rejects.toThrow('Invalid exchange');
      }
    });
  },
  ['6.12'],
);
