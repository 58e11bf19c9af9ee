/** A command inside a portal that has fallen silent, and what the guest may do meanwhile. */
import { expect, test } from 'vitest';

import {
  type PrOut,
  writeExclusiveRegistrantsOnly as type,
} from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, registered, targetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { type ScriptedGuest } from './support/scripted-guest.js';
import { guestOfMap } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const key = 0xa1n;
const other = 0xf1n;
const registerKey: PrOut = { action: 'register', newKey: key };
/** Whatever was there before. */
const takeKey: PrOut = { action: 'registerAndIgnore', newKey: key };
const reserve: PrOut = { action: 'reserve', key, type };
const release: PrOut = { action: 'release', key, type };

interface Lost {
  prepared: readonly PrOut[];
  command: PrOut;
  /** What the array shows the guest when that was executed. */
  done: { keys: readonly string[]; reserved: boolean };
  /** What the guest asks for then. */
  later: readonly PrOut[];
  /** The array in the end. */
  keys: readonly string[];
  reserved: boolean;
}

const losses: Record<string, Lost> = {
  RELEASE: {
    prepared: [takeKey, reserve],
    command: release,
    done: { keys: ['a1', 'f1'], reserved: false },
    later: [reserve],
    keys: ['a1', 'a1', 'f1'],
    reserved: true,
  },
  CLEAR: {
    prepared: [takeKey, reserve],
    command: { action: 'clear', key },
    done: { keys: [], reserved: false },
    later: [takeKey, reserve],
    keys: ['a1', 'a1'],
    reserved: true,
  },
  REGISTER: {
    prepared: [],
    command: registerKey,
    done: { keys: ['a1', 'f1'], reserved: false },
    later: [reserve],
    keys: ['a1', 'a1', 'f1'],
    reserved: true,
  },
  'REGISTER of another key': {
    prepared: [takeKey],
    command: { action: 'register', key, newKey: 0xa2n },
    done: { keys: ['a2', 'f1'], reserved: false },
    later: [{ action: 'reserve', key: 0xa2n, type }],
    keys: ['a2', 'a2', 'f1'],
    reserved: true,
  },
  PREEMPT: {
    prepared: [takeKey, reserve],
    command: { action: 'preempt', key, newKey: other, type },
    done: { keys: ['a1'], reserved: true },
    later: [release, reserve],
    keys: ['a1', 'a1'],
    reserved: true,
  },
};

/** For so long the portal is silent after the guest has been answered. */
const silentSeconds = rounds(60) === 60 ? 60 : 6;

function since(start: number): string {
  return `${Math.round(performance.now() - start)} ms`;
}

/** A guest that does not know whether its command was executed asks for it again, and looks. */
async function makeSure(guest: ScriptedGuest, { command, done }: Lost): Promise<string> {
  const answer = await guest.insist(command);
  if (answer !== 'good') expect(answer).toBe('conflict');
  expect({ keys: await guest.keys(), reserved: await guest.reserved() }).toEqual(done);
  return answer;
}

/**
 * Sends the command into the portal's silence, and goes on. A first REGISTER can't be disarmed, so
 * what comes after it waits for the portal.
 */
async function goOn(host: LabMachine, guest: ScriptedGuest, lost: Lost): Promise<void> {
  const sent = performance.now();
  const answer = await guest.ask(lost.command);
  const told = [`${answer} after ${since(sent)}`];

  const read = performance.now();
  const readAnswer = await guest.askKeys();
  told.push(`READ KEYS ${readAnswer} within ${since(read)}`);
  expect(readAnswer).toMatch(/^(good|6\/2a\/[345])$/);

  expect(await host.run('nft list set ip lab silent'), 'it was lost').toContain('127.0.0.1');
  const healed = host.run(`sleep ${silentSeconds}; heal`);
  // What fails before it is awaited says more.
  healed.catch(() => undefined);
  const again = performance.now();
  if (answer !== 'good') told.push(`again: ${await makeSure(guest, lost)} after ${since(again)}`);
  for (const command of lost.later) {
    expect(await guest.insist(command), command.action).toBe('good');
    told.push(`${command.action} after ${since(again)}`);
  }
  await healed;
  console.log(told.join('; '));
}

async function silenceOver(host: LabMachine, guest: ScriptedGuest, lost: Lost): Promise<void> {
  await asOther(host, '--register-ignore --param-sark=f1');
  for (const command of lost.prepared) expect(await guest.insist(command)).toBe('good');
  await host.run('swallow_reservation 127.0.0.1');
  await goOn(host, guest, lost);

  await host.run("wait_for '[ $(ready_paths) = 2 ]'");
  const [guestsKey = ''] = lost.keys;
  const backMs = await registered(host, guestsKey, 2);
  console.log(`healed: both paths have the key after ${backMs} ms`);
  expect(await targetState(host)).toEqual({ keys: lost.keys, reserved: lost.reserved });
  expect(await guest.keys()).toEqual([...new Set(lost.keys)]);
  expect(await guest.reserved()).toBe(lost.reserved);
  expect(await guest.insist({ action: 'clear', key: BigInt(`0x${guestsKey}`) })).toBe('good');
}

const patience = { timeout: 3_600_000 };

describeOnKernels(
  'a command lost in a portal that falls silent',
  labSetups.iscsi,
  (lab) => {
    test('the array is what the guest was told, then and when it is healed', patience, async () => {
      const { host } = lab;
      const guest = await guestOfMap(host);
      for (const [name, lost] of Object.entries(losses)) {
        console.log(`${name} is lost in a portal`);
        await silenceOver(host, guest, lost);
      }
    });
  },
  ['6.12'],
);
