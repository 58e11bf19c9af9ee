/** kill -9 at every step of the journal, and the guest's command again (fencing rule 18). */
import { expect, test } from 'vitest';

import { bring } from './support/bring.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, targetState, type TargetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 3_600_000 };
/** All kills that there are, which are fewer; or the first few. */
const killsMax = rounds(1000);

const type = 'write-exclusive-registrants-only';
const flags = { aptpl: false, allTgPt: false };
const register = { action: 'register', prkey: '0x0', serviceActionKey: '0xa1', ...flags };
const reserve = { action: 'reserve', prkey: '0xa1', scope: 'logical-unit', type };
const preempt = { ...reserve, serviceActionKey: '0xf1' };

interface Case {
  prepared: object[];
  command: object;
  before: TargetState;
  /** When the command has been executed. */
  after: TargetState;
}

/** Two paths of the guest's host, and another host. */
const unregistered: TargetState = { keys: ['f1'], reserved: false };
const registered: TargetState = { keys: ['a1', 'a1', 'f1'], reserved: false };
const holding: TargetState = { ...registered, reserved: true };
const alone: TargetState = { keys: ['a1', 'a1'], reserved: true };

type Cases = Readonly<Record<string, Case>>;

const cases: Cases = {
  REGISTER: { prepared: [], command: register, before: unregistered, after: registered },
  'REGISTER of another key': {
    prepared: [register],
    command: { ...register, prkey: '0xa1', serviceActionKey: '0xa2' },
    before: registered,
    after: { keys: ['a2', 'a2', 'f1'], reserved: false },
  },
  'REGISTER of no key': {
    prepared: [register],
    command: { ...register, prkey: '0xa1', serviceActionKey: '0x0' },
    before: registered,
    after: unregistered,
  },
  RESERVE: { prepared: [register], command: reserve, before: registered, after: holding },
  RELEASE: {
    prepared: [register, reserve],
    command: { ...reserve, action: 'release' },
    before: holding,
    after: registered,
  },
  CLEAR: {
    prepared: [register, reserve],
    command: { action: 'clear', prkey: '0xa1' },
    before: holding,
    after: { keys: [], reserved: false },
  },
  PREEMPT: {
    prepared: [register, reserve],
    command: { ...preempt, action: 'preempt' },
    before: holding,
    after: alone,
  },
};

const aborting: Cases = {
  'PREEMPT AND ABORT': {
    prepared: [register, reserve],
    command: { ...preempt, action: 'preempt-and-abort' },
    before: holding,
    after: alone,
  },
};

interface Kill {
  save: number;
  moment: 'before' | 'after';
}

interface Run {
  prepared?: object[];
  command?: object;
  kill?: Kill;
}

interface RunEnd {
  /** Sense as `key/asc/ascq` in hexadecimal. */
  answers: string[];
  isOpen: boolean;
}

/** @returns undefined if the process was killed */
async function run(host: LabMachine, { prepared = [], ...more }: Run): Promise<RunEnd | undefined> {
  const output = await host.run(
    `$as_holdfast node /run/crash-program.mjs $map /run/journal \\
      '${JSON.stringify({ prepared, ...more })}' || [ $? = 137 ]`,
  );
  // What the shell says of it.
  return output === 'Killed\n' ? undefined : (JSON.parse(output) as RunEnd);
}

async function install(host: LabMachine): Promise<void> {
  await bring(host, 'map-reservations.mjs', 'crash-program.mjs');
  await host.run('install -d -m 1777 /run/lock/holdfast');
}

/** Nothing but the other host's registration is left of what was before. */
async function startAnew(host: LabMachine): Promise<void> {
  await host.run('rm -rf /run/journal; install -d -o holdfast -g holdfast /run/journal');
  await asOther(host, '--register-ignore --param-sark=f1');
  await asOther(host, '--clear --param-rk=f1');
  await asOther(host, '--register-ignore --param-sark=f1');
}

/** The next process gets the guest's command again, until it is known to be executed. */
async function sendAgain(host: LabMachine, { command, after }: Case): Promise<string> {
  const end = await run(host, { command });
  const answers = end?.answers.join(', then ') ?? '';
  expect(answers).toMatch(/^(good|b\/8\/1, then (good|reservation-conflict))$/);
  expect(await targetState(host), answers).toEqual(after);
  expect(end?.isOpen).toBe(true);
  return answers;
}

/**
 * Another host fences the guest, if it is registered, and the next process finds that out. Of two keys,
 * in the middle of a change, one is enough (fencing rule 9).
 */
async function fence(host: LabMachine): Promise<string> {
  const { keys } = await targetState(host);
  const victim = keys.find((each) => each !== 'f1');
  if (victim !== undefined) {
    await asOther(host, `--preempt --param-rk=f1 --param-sark=${victim} --prout-type=5`);
  }
  await run(host, {});
  expect((await targetState(host)).keys, 'what was fenced stays fenced').toEqual(['f1']);
  return keys.join('+');
}

/**
 * Kills the command at each write of the journal, before and after it, and goes on in that way.
 * @returns how each went on
 */
async function killEverywhere(
  host: LabMachine,
  one: Case,
  most: number,
  goOn: () => Promise<string>,
): Promise<string[]> {
  const ends: string[] = [];
  for (let save = 1; ; save += 1) {
    for (const moment of ['before', 'after'] as const) {
      if (ends.length === most) return ends;
      await startAnew(host);
      const { prepared, command } = one;
      if ((await run(host, { prepared, command, kill: { save, moment } })) !== undefined)
        return ends;
      // Nothing is sent before it is written down.
      if (save === 1) expect(await targetState(host)).toEqual(one.before);
      ends.push(await goOn());
    }
  }
}

/** Kills each command everywhere, and sends it again. */
async function findOut(host: LabMachine, some: Cases): Promise<void> {
  await install(host);
  let killed = 0;
  for (const [name, one] of Object.entries(some)) {
    const ends = await killEverywhere(host, one, killsMax - killed, () => sendAgain(host, one));
    killed += ends.length;
    if (ends.length > 0) console.log(`${name}, killed ${ends.length} times: ${ends.join('; ')}`);
  }
  expect(killed).toBeGreaterThanOrEqual(Math.min(killsMax, 2 * Object.keys(some).length));
}

describeOnKernels(
  'a process that is killed while it writes its journal',
  labSetups.loop,
  (lab) => {
    test('leaves what the next one finds out', patience, () => findOut(lab.host, cases));

    test('revives no guest that was fenced meanwhile', patience, async () => {
      const { host } = lab;
      await install(host);
      let killed = 0;
      for (const [name, one] of Object.entries(cases)) {
        if (one.after.keys.length < 3) continue;
        const ends = await killEverywhere(host, one, killsMax - killed, () => fence(host));
        killed += ends.length;
        if (ends.length > 0)
          console.log(`${name}, killed ${ends.length} times with ${ends.join(' ')}`);
      }
      expect(killed).toBeGreaterThanOrEqual(Math.min(killsMax, 8));
    });
  },
  ['6.12'],
);

// tcm_loop can't abort what is in flight.
describeOnKernels(
  'a process that is killed amid PREEMPT AND ABORT',
  labSetups.iscsi,
  (lab) => {
    test('leaves what the next one finds out', patience, () => findOut(lab.host, aborting));
  },
  ['6.12'],
);
