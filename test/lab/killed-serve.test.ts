/** holdfast serve, killed in the middle of a repair. */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, registered, targetState } from './support/reservations.js';
import { rounds } from './support/rounds.js';
import { type Answer, ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key, guestOfMap, serveMap } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 3_600_000 };
const count = rounds(20);
/** Between two moments of a kill, seconds; a repair takes a second or two here. */
const stepSeconds = 0.1;

/** The other host reserves for registrants, and the guest is one. */
async function register(host: LabMachine, guest: ScriptedGuest): Promise<void> {
  await asOther(host, '--register-ignore --param-sark=f1');
  await asOther(host, `--reserve --param-rk=f1 --prout-type=${type}`);
  expect(await guest.insist({ action: 'registerAndIgnore', newKey: key })).toBe('good');
  await registered(host, 'a1', 2);
}

const fence = (host: LabMachine) =>
  asOther(host, `--preempt --param-rk=f1 --param-sark=a1 --prout-type=${type}`);

/** A path was away and lost its key: it is repaired when it is back, and serve is killed meanwhile. */
async function killAmidRepair(host: LabMachine, round: number): Promise<void> {
  const path = 1 + (round % 2);
  const node = `/dev/lab/path${path}-sg`;
  await host.run(`
    loop_transport ${path} offline
    wait_for '[ $(ready_paths) = 1 ]'
    loop_transport ${path} online
    wait_for 'sg_turs ${node}' 10
    sg_persist -n --out --register --param-rk=a1 --param-sark=0 ${node}
    sleep ${round * stepSeconds}
    kill -KILL $(cat $logs/serve.pid)
    wait_for '! running serve'`);
}

/** Enough to go down both paths. */
async function writes(guest: ScriptedGuest): Promise<Answer[]> {
  const answers = [];
  for (let lba = 0; lba < 8; lba += 1) answers.push(await guest.write(lba, lba));
  return answers;
}

async function expectFenced(host: LabMachine, guest: ScriptedGuest): Promise<void> {
  expect((await writes(guest)).filter((answer) => answer === 'good')).toEqual([]);
  await host.run("wait_for '[ $(ready_paths) = 2 ]'");
  expect(await guest.keys()).toEqual(['f1']);
  expect((await targetState(host)).keys).toEqual(['f1']);
}

async function expectWriting(host: LabMachine, guest: ScriptedGuest): Promise<void> {
  await registered(host, 'a1', 2);
  expect(new Set(await writes(guest))).toEqual(new Set(['good']));
  expect(await guest.keys()).toEqual(['a1', 'f1']);
}

describeOnKernels(
  'a repair in the middle of which its program is killed',
  labSetups.loop,
  (lab) => {
    test(
      'serve: the next one finds out, and a guest that was fenced stays so',
      patience,
      async () => {
        const { host } = lab;
        let guest = await guestOfMap(host);
        for (let round = 0; round < count; round += 1) {
          await register(host, guest);
          await killAmidRepair(host, round);
          const isFenced = round % 2 === 1;
          if (isFenced) await fence(host);
          await serveMap(host);
          guest = await ScriptedGuest.attach(host);
          await (isFenced ? expectFenced : expectWriting)(host, guest);
          await asOther(host, '--clear --param-rk=f1');
          await guest.keys();
        }
        console.log(`serve killed ${count} times in a repair, fenced meanwhile every second time`);
      },
    );
  },
  ['6.12'],
);
