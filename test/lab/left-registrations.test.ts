/** Nothing of the guest's is left on a path that was out of reach (fencing rule 9). */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, registered, targetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { type Answer, type ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key, guestOfMap } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 3_600_000 };
const count = rounds(20);
const newKey = 0xa2n;
const refused = /^(conflict|6\/2a\/5)$/;

/** The other host reserves for registrants, the guest is one on both paths; then one path dies. */
async function loseAPath(host: LabMachine, guest: ScriptedGuest, path: number): Promise<void> {
  await host.run("wait_for '[ $(ready_paths) = 2 ]'");
  await asOther(host, '--register-ignore --param-sark=f1');
  await asOther(host, `--reserve --param-rk=f1 --prout-type=${type}`);
  expect(await guest.insist({ action: 'register', newKey: key })).toBe('good');
  await registered(host, 'a1', 2);
  await host.run(`loop_transport ${path} offline`);
}

/** Writes while the path comes back, and a while longer. */
async function writeWhileItReturns(
  host: LabMachine,
  guest: ScriptedGuest,
  path: number,
): Promise<Answer[]> {
  const returned = { yet: false };
  const back = host
    .run(`loop_transport ${path} online; wait_for '[ $(ready_paths) = 2 ]'`)
    .finally(() => {
      returned.yet = true;
    });
  const answers: Answer[] = [];
  for (let more = 8; more > 0; more -= returned.yet ? 1 : 0) {
    answers.push(await guest.write(8, 0xff));
  }
  await back;
  return answers;
}

describeOnKernels(
  'a path that was out of reach',
  labSetups.loop,
  (lab) => {
    test(
      'the key changes, the new one is preempted, the path comes back under load',
      patience,
      async () => {
        const { host } = lab;
        const guest = await guestOfMap(host);
        let written = 0;
        for (let round = 0; round < count; round += 1) {
          const path = 1 + (round % 2);
          await loseAPath(host, guest, path);
          expect(await guest.insist({ action: 'register', key, newKey })).toBe('good');
          expect((await targetState(host)).keys).toEqual(['a2', 'f1']);
          await asOther(host, `--preempt --param-rk=f1 --param-sark=a2 --prout-type=${type}`);

          const answers = await writeWhileItReturns(host, guest, path);
          written += answers.length;
          expect(answers.filter((answer) => !refused.test(answer))).toEqual([]);
          expect(await guest.keys()).toEqual(['f1']);
          expect((await targetState(host)).keys).toEqual(['f1']);
        }
        console.log(
          `${count} times K->N with a path down, N preempted: ${written} writes, all refused`,
        );
      },
    );

    test('the guest unregisters, the path comes back under load', patience, async () => {
      const { host } = lab;
      const guest = await guestOfMap(host);
      let written = 0;
      for (let round = 0; round < count; round += 1) {
        const path = 1 + (round % 2);
        await loseAPath(host, guest, path);
        expect(await guest.insist({ action: 'register', key, newKey: 0n })).toBe('good');
        expect((await targetState(host)).keys).toEqual(['f1']);

        const answers = await writeWhileItReturns(host, guest, path);
        written += answers.length;
        expect(answers.filter((answer) => !refused.test(answer))).toEqual([]);
        expect(await guest.keys()).toEqual(['f1']);
        expect((await targetState(host)).keys).toEqual(['f1']);
      }
      console.log(`${count} times unregistered with a path down: ${written} writes, all refused`);
    });
  },
  ['6.12'],
);
