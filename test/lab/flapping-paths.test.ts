/** Paths that come and go under a guest's verified load. */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { targetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { guestKey as key, guestOfMap } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

interface Load {
  reads: number;
  writes: number;
  checkedReads: number;
  errors: number;
  firstError?: string;
}

/** Loads the disk, verifying, until /run/enough is there. */
const load = `
  spawn load $as_holdfast sh -c 'until [ -e /run/enough ]; do
    /opt/holdfast/build/release/holdfast-loadgen --socket /run/holdfast/guest.sock --device scsi \\
      --verify --read 30 --depth 4 --rate 50 --range 8M --warmup 0 --seconds 10 --drain 60 || echo "ended with $?"
  done'`;

/**
 * One path after the other goes and comes back: every second time so shortly that only a command on
 * its way notices.
 */
const flap = (flaps: number) => `
  number=0
  while [ $number -lt ${flaps} ]; do
    path=$((1 + number / 2 % 2))
    loop_transport $path offline
    if [ $((number % 2)) = 0 ]; then wait_for '[ $(ready_paths) = 1 ]'; else sleep 0.05; fi
    loop_transport $path online
    wait_for '[ $(ready_paths) = 2 ]'
    number=$((number + 1))
  done`;

async function loadedUntilDone(host: LabMachine, script: string): Promise<Load[]> {
  await host.run(load);
  await host.run(script, 3_000_000);
  await host.run("touch /run/enough; wait_for '! running load'");
  const output = await host.run('cat $logs/load.log');
  return output
    .trim()
    .split('\n')
    .map((line) => {
      if (!line.startsWith('{')) throw new Error(output);
      return JSON.parse(line) as Load;
    });
}

describeOnKernels(
  'a guest under load while paths flap',
  labSetups.loop,
  (lab) => {
    test('meets no conflict, and reads what it wrote', { timeout: 3_600_000 }, async () => {
      const { host } = lab;
      const guest = await guestOfMap(host);
      expect(await guest.insist({ action: 'register', newKey: key })).toBe('good');
      expect(await guest.insist({ action: 'reserve', key, type })).toBe('good');
      await guest.leave();

      const flaps = rounds(100);
      const runs = await loadedUntilDone(host, flap(flaps));
      const sum = (count: keyof Omit<Load, 'firstError'>) =>
        runs.reduce((total, run) => total + run[count], 0);
      console.log(
        `${flaps} flaps: ${sum('writes')} writes, ${sum('reads')} reads, ` +
          `${sum('checkedReads')} checked, ${sum('errors')} errors`,
      );
      expect(runs.map(({ firstError }) => firstError).filter(Boolean)).toEqual([]);
      expect(sum('errors')).toBe(0);
      expect(sum('writes')).toBeGreaterThan(flaps);
      await host.run(
        `wait_for '[ $(grep -c "Key: 0x0*a1 " $lio_unit/pr/res_pr_registered_i_pts) = 2 ]'`,
      );
      expect(await targetState(host)).toEqual({ keys: ['a1', 'a1'], reserved: true });
    });
  },
  ['6.12'],
);
