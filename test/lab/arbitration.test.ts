/** Two nodes of a Windows cluster on one disk: one defends it every 3 s, the other challenges. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, targetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { type ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key, guestOfMap, otherKey } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

/** Between two defences, milliseconds: the cluster's own period. */
const period = 3000;

/** Arbitration: registers whatever was there, reserves, and reads both back. */
async function arbitrate(guest: ScriptedGuest): Promise<void> {
  expect(await guest.insist({ action: 'registerAndIgnore', newKey: key })).toBe('good');
  expect(await guest.insist({ action: 'reserve', key, type })).toBe('good');
  expect(await guest.keys()).toContain('a1');
  expect(await guest.reserved()).toBe(true);
}

/** One defence; returns how long it took, in milliseconds. */
async function defend(guest: ScriptedGuest): Promise<number> {
  const start = performance.now();
  expect(await guest.keys()).toContain('a1');
  expect(await guest.reserved()).toBe(true);
  expect(await guest.insist({ action: 'reserve', key, type })).toBe('good');
  return performance.now() - start;
}

/** The other node: registers, can't reserve. */
async function challenge(host: LabMachine): Promise<void> {
  await asOther(host, '--register-ignore --param-sark=f1');
  await expect(asOther(host, `--reserve --param-rk=f1 --prout-type=${type}`)).rejects.toThrow(
    'exit code 24',
  );
}

describeOnKernels(
  'a disk that two nodes of a cluster want',
  labSetups.iscsi,
  (lab) => {
    test(
      'is defended while a portal is silent, and goes over when it is not',
      { timeout: 3_600_000 },
      async () => {
        const { host } = lab;
        const guest = await guestOfMap(host);
        await arbitrate(guest);
        await challenge(host);
        const times = [];
        for (const portal of [1, 2]) {
          await host.run(`black_hole 127.0.0.${portal}`);
          for (let round = 0; round < rounds(20, 2); round += 1) {
            const [took] = await Promise.all([defend(guest), pause(period)]);
            times.push(took);
          }
          await host.run("wait_for '[ $(ready_paths) = 1 ]'");
          await host.run("heal; wait_for '[ $(ready_paths) = 2 ]'");
        }
        console.log(
          `${times.length} defences while a portal is silent: ` +
            times.map((ms) => (ms / 1000).toFixed(2)).join(' ') +
            ' s',
        );

        // Nobody defends any more.
        await asOther(host, `--preempt --param-rk=f1 --param-sark=a1 --prout-type=${type}`);
        expect((await targetState(host)).keys).toEqual(['f1']);
        expect(await guest.ask({ action: 'reserve', key, type })).toMatch(/^(conflict|6\/2a\/5)$/);
        expect(await guest.keys()).toEqual(['f1']);
        expect(await guest.write(0, 1)).toMatch(/^(conflict|6\/2a\/5)$/);

        // The first node challenges in its turn, and takes it back.
        expect(await guest.insist({ action: 'registerAndIgnore', newKey: key })).toBe('good');
        expect(await guest.ask({ action: 'reserve', key, type })).toBe('conflict');
        expect(await guest.insist({ action: 'preempt', key, newKey: otherKey, type })).toBe('good');
        expect((await targetState(host)).keys).toEqual(['a1', 'a1']);
        expect(await guest.write(0, 1)).toBe('good');
      },
    );
  },
  ['6.12'],
);
