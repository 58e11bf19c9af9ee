/** A path that dies before, during or after a command: the answer and the array agree. */
import { expect, test } from 'vitest';

import {
  type PrOut,
  writeExclusiveRegistrantsOnly as type,
} from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, registered, targetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { type Answer, maybeExecuted, type ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key, guestOfMap, otherKey } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

/** What the array shows, whatever the number of paths that show it. */
interface Reservations {
  /** The guest's, in hexadecimal. */
  key?: 'a1' | 'a2';
  reserved?: true;
  /** Another host is registered. */
  other?: true;
}

interface Case {
  /** What the guest has done before. */
  prepared: readonly PrOut[];
  command: PrOut;
  before: Reservations;
  after: Reservations;
}

const register: PrOut = { action: 'register', newKey: key };
const reserve: PrOut = { action: 'reserve', key, type };
const registered1: Reservations = { key: 'a1' };
const holds: Reservations = { key: 'a1', reserved: true };
const contested: Reservations = { ...holds, other: true };

const cases = {
  REGISTER: { prepared: [], command: register, before: {}, after: registered1 },
  'REGISTER AND IGNORE': {
    prepared: [],
    command: { action: 'registerAndIgnore', newKey: key },
    before: {},
    after: registered1,
  },
  'REGISTER of no key': {
    prepared: [register],
    command: { action: 'register', key, newKey: 0n },
    before: registered1,
    after: {},
  },
  'REGISTER of another key': {
    prepared: [register],
    command: { action: 'register', key, newKey: 0xa2n },
    before: registered1,
    after: { key: 'a2' },
  },
  RESERVE: { prepared: [register], command: reserve, before: registered1, after: holds },
  RELEASE: {
    prepared: [register, reserve],
    command: { action: 'release', key, type },
    before: holds,
    after: registered1,
  },
  CLEAR: {
    prepared: [register, reserve],
    command: { action: 'clear', key },
    before: contested,
    after: {},
  },
  PREEMPT: {
    prepared: [register, reserve],
    command: { action: 'preempt', key, newKey: otherKey, type },
    before: contested,
    after: holds,
  },
} satisfies Record<string, Case>;

/** Not on tcm_loop: see README.md. */
const abortingCases = {
  'PREEMPT AND ABORT': {
    prepared: [register, reserve],
    command: { action: 'preemptAndAbort', key, newKey: otherKey, type },
    before: contested,
    after: holds,
  },
} satisfies Record<string, Case>;

/** How paths of a set-up die and come back. */
interface Death {
  die: (path: number) => string;
  comeBack: (path: number) => string;
}

const offline: Death = {
  die: (path) => `loop_transport ${path} offline`,
  comeBack: (path) => `loop_transport ${path} online`,
};

const silent: Death = {
  die: (path) => `black_hole 127.0.0.${path}`,
  comeBack: () => 'heal',
};

async function arrayShows(host: LabMachine): Promise<Reservations> {
  const { keys, reserved } = await targetState(host);
  const own = [...new Set(keys)].filter((each) => each !== 'f1');
  expect(own.length, `one key of the guest's: ${keys.join()}`).toBeLessThanOrEqual(1);
  return {
    ...(own[0] === undefined ? {} : { key: own[0] as 'a1' }),
    ...(reserved ? { reserved } : {}),
    ...(keys.includes('f1') ? { other: true } : {}),
  };
}

/** Whether the answer allows that the command was executed, and that it was not. */
function meaning(answer: Answer): { executed: boolean; notExecuted: boolean } {
  if (answer === maybeExecuted) return { executed: true, notExecuted: true };
  return { executed: answer === 'good', notExecuted: answer !== 'good' };
}

async function prepare(host: LabMachine, guest: ScriptedGuest, { prepared, before }: Case) {
  await host.run("wait_for '[ $(ready_paths) = 2 ]'");
  for (const command of prepared) expect(await guest.insist(command)).toBe('good');
  if (before.other) await asOther(host, '--register --param-sark=f1');
  expect(await arrayShows(host)).toEqual(before);
}

/** Sends the command with the path dying at moment `index` of `count`: first before, last after it. */
async function dieAround(
  host: LabMachine,
  guest: ScriptedGuest,
  command: PrOut,
  die: string,
  moment: { index: number; count: number },
): Promise<Answer> {
  const { index, count } = moment;
  if (index === 0) await host.run(die);
  // In steps over the time that a command takes here.
  const dying =
    index > 0 && index < count - 1 ? host.run(`sleep ${index * 0.01}; ${die}`) : undefined;
  const answer = await guest.ask(command);
  await dying;
  if (index === count - 1) await host.run(die);
  return answer;
}

/** One death of a path; returns the answer and how long the key took to be on all paths again. */
async function scenario(
  host: LabMachine,
  guest: ScriptedGuest,
  one: Case,
  death: Death,
  moment: { index: number; count: number },
): Promise<{ answer: Answer; backMs: number }> {
  const path = 1 + (moment.index % 2);
  await prepare(host, guest, one);
  const answer = await dieAround(host, guest, one.command, death.die(path), moment);
  const { executed, notExecuted } = meaning(answer);
  const seen = await arrayShows(host);
  const possible = [...(executed ? [one.after] : []), ...(notExecuted ? [one.before] : [])];
  expect(possible, `after ${answer}, array: ${JSON.stringify(seen)}`).toContainEqual(seen);

  // One path is enough for a guest that makes sure.
  if (answer !== 'good') {
    const again = await guest.insist(one.command);
    expect(['good', 'conflict'], `again after ${answer}`).toContain(again);
  }
  expect(await arrayShows(host), `told ${answer}`).toEqual(one.after);

  await host.run(death.comeBack(path));
  const left = one.after.key;
  const backMs = left === undefined ? 0 : await registered(host, left, 2);
  await host.run("wait_for '[ $(ready_paths) = 2 ]'");
  expect(await arrayShows(host)).toEqual(one.after);
  expect(await guest.keys()).toEqual(left === undefined ? [] : [left]);
  expect(await guest.reserved()).toBe(one.after.reserved ?? false);
  if (left !== undefined) {
    expect(await guest.insist({ action: 'clear', key: BigInt(`0x${left}`) })).toBe('good');
  }
  return { answer, backMs };
}

async function allMoments(
  host: LabMachine,
  chosen: Record<string, Case>,
  death: Death,
): Promise<void> {
  const guest = await guestOfMap(host);
  const count = rounds(22);
  for (const [name, one] of Object.entries(chosen)) {
    const ends = [];
    for (let index = 0; index < count; index += 1) {
      ends.push(await scenario(host, guest, one, death, { index, count }));
    }
    const back = ends.map(({ backMs }) => backMs).filter((ms) => ms > 0);
    console.log(
      `${name}, a path dies before, ${count - 2} times during, after: ` +
        `${ends.map(({ answer }) => answer).join(' ')}; ` +
        `all paths have the key after ${back.map((ms) => (ms / 1000).toFixed(1)).join(' ')} s`,
    );
  }
}

const patience = { timeout: 3_600_000 };

describeOnKernels(
  'a path that dies around a command',
  labSetups.loop,
  (lab) => {
    test(
      'what the guest is told is what the array shows, and the path gets the key',
      patience,
      () => allMoments(lab.host, cases, offline),
    );
  },
  ['6.12'],
);

describeOnKernels(
  'a portal that falls silent around PREEMPT AND ABORT',
  labSetups.iscsi,
  (lab) => {
    test(
      'what the guest is told is what the array shows, and the path gets the key',
      patience,
      () => allMoments(lab.host, abortingCases, silent),
    );
  },
  ['6.12'],
);
