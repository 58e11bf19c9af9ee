/** holdfast serve, holdfast prd and multipathd, each killed in the middle of a repair. */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { startPrd } from './support/prd.js';
import { asOther, registered, targetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { type Answer, ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key, guestOfMap, serveMap } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 3_600_000 };
const count = rounds(20, 2);
const prdSocket = '/run/holdfast/prd.sock';
const gone: Answer = 'its server is gone';

interface Program {
  /** As it was spawned. */
  name: string;
  /** What a guest that was not fenced may be told of writes around the kill. */
  told: readonly Answer[];
  /** Starts it again; returns the guest, or the one that comes after it. */
  restart: (host: LabMachine, guest: ScriptedGuest) => Promise<ScriptedGuest>;
}

const programs = {
  serve: {
    name: 'serve',
    told: ['good', gone],
    restart: async (host) => {
      await serveMap(host);
      return ScriptedGuest.attach(host);
    },
  },
  prd: {
    name: 'prd',
    told: ['good'],
    restart: async (host, guest) => {
      await startPrd(host, { socket: prdSocket });
      return guest;
    },
  },
  multipathd: {
    name: 'multipathd',
    told: ['good'],
    restart: async (host, guest) => {
      await host.run("spawn multipathd multipathd -d -s; wait_for '[ $(ready_paths) = 2 ]'");
      return guest;
    },
  },
} satisfies Record<string, Program>;

/** The other host reserves for registrants, and the guest is one. */
async function register(host: LabMachine, guest: ScriptedGuest): Promise<void> {
  await asOther(host, '--register-ignore --param-sark=f1');
  await asOther(host, `--reserve --param-rk=f1 --prout-type=${type}`);
  expect(await guest.insist({ action: 'registerAndIgnore', newKey: key })).toBe('good');
  await registered(host, 'a1', 2);
}

const fence = (host: LabMachine) =>
  asOther(host, `--preempt --param-rk=f1 --param-sark=a1 --prout-type=${type}`);

/** A path was away and lost its key: it is repaired when it is back. */
const loseKey = (path: number) => `
  loop_transport ${path} offline
  wait_for '[ $(ready_paths) = 1 ]'
  loop_transport ${path} online
  wait_for 'sg_turs /dev/lab/path${path}-sg' 10
  sg_persist -n --out --register --param-rk=a1 --param-sark=0 /dev/lab/path${path}-sg`;

/** Enough at once to go down both paths, each block filled with that byte. */
function writes(guest: ScriptedGuest, fill: number): Promise<Answer[]> {
  const lbas = Array.from({ length: 8 }, (_, lba) => lba);
  return Promise.all(lbas.map((lba) => guest.write(lba, fill).catch(() => gone)));
}

function blocksOnDevice(host: LabMachine): Promise<string> {
  return host.run('dd if=/dev/lab/other bs=512 count=8 iflag=direct 2>/dev/null | md5sum');
}

/**
 * The guest writes until both paths have its key: that one lacks it shows when a write goes there.
 * @returns how long that took, seconds
 */
async function repaired(host: LabMachine, guest: ScriptedGuest, fill: number): Promise<number> {
  const end = new AbortController();
  const repair = registered(host, 'a1', 2).finally(() => {
    end.abort();
  });
  while (!end.signal.aborted) {
    expect(new Set(await writes(guest, fill))).toEqual(new Set(['good']));
  }
  return (await repair) / 1000;
}

/** How long a repair takes that is not disturbed, under the guest's writes; seconds. */
async function repairSeconds(host: LabMachine, guest: ScriptedGuest): Promise<number> {
  await register(host, guest);
  await host.run(loseKey(1));
  return repaired(host, guest, 0xff);
}

interface Kill {
  path: number;
  /** After the path has lost its key. */
  seconds: number;
  /** Another host fences the guest while the program is away. */
  isFenced: boolean;
  /** What the guest writes before and after it. */
  fills: [number, number];
}

/** @returns the number of paths that had the key then */
async function killAmidRepair(host: LabMachine, { name }: Program, kill: Kill): Promise<number> {
  // Its log is not to be taken for the next one's.
  await host.run(`sleep ${kill.seconds.toFixed(2)}
    kill -KILL $(cat $logs/${name}.pid)
    wait_for '! running ${name}'
    rm $logs/${name}.log`);
  return (await targetState(host)).keys.filter((each) => each === 'a1').length;
}

async function scenario(
  host: LabMachine,
  guest: ScriptedGuest,
  program: Program,
  kill: Kill,
): Promise<{ guest: ScriptedGuest; pathsWithKey: number }> {
  await register(host, guest);
  await host.run(loseKey(kill.path));
  const before = writes(guest, kill.fills[0]);
  const pathsWithKey = await killAmidRepair(host, program, kill);
  if (kill.isFenced) await fence(host);
  const blocks = await blocksOnDevice(host);
  const after = writes(guest, kill.fills[1]);
  const next = await program.restart(host, guest);
  if (kill.isFenced) {
    await before;
    expect(await after).not.toContain('good');
    expect(await writes(next, kill.fills[1])).not.toContain('good');
    await host.run("wait_for '[ $(ready_paths) = 2 ]'");
    expect(await next.keys()).toEqual(['f1']);
    expect((await targetState(host)).keys).toEqual(['f1']);
    expect(await blocksOnDevice(host), 'what was fenced writes nothing').toBe(blocks);
  } else {
    const answers = [...(await before), ...(await after)];
    expect(answers.filter((answer) => !program.told.includes(answer))).toEqual([]);
    await repaired(host, next, kill.fills[1]);
    expect(await next.keys()).toEqual(['a1', 'f1']);
  }
  await asOther(host, '--clear --param-rk=f1');
  await next.keys();
  return { guest: next, pathsWithKey };
}

async function killOften(host: LabMachine, first: ScriptedGuest, program: Program): Promise<void> {
  const seconds = await repairSeconds(host, first);
  let guest = first;
  const seen = [];
  for (let round = 0; round < count; round += 1) {
    const end = await scenario(host, guest, program, {
      path: 1 + (Math.floor(round / 2) % 2),
      seconds: (seconds * round) / count,
      isFenced: round % 2 === 1,
      fills: [2 * round + 1, 2 * round + 2],
    });
    guest = end.guest;
    seen.push(end.pathsWithKey);
  }
  console.log(
    `${program.name} killed ${count} times in a repair of ${seconds.toFixed(1)} s, the guest fenced ` +
      `meanwhile every second time; paths with its key when it was killed: ${seen.join(' ')}`,
  );
}

describeOnKernels(
  'a repair in the middle of which a program is killed',
  labSetups.loop,
  (lab) => {
    test(
      'serve: the next one finds out, and a guest that was fenced stays so',
      patience,
      async () => killOften(lab.host, await guestOfMap(lab.host), programs.serve),
    );

    test('prd: the guest waits for the next one, and goes on or is told', patience, async () => {
      await startPrd(lab.host, { socket: prdSocket });
      await killOften(lab.host, await guestOfMap(lab.host, `prd:${prdSocket}`), programs.prd);
    });

    test('multipathd: the guest writes on, or is told', patience, async () =>
      killOften(lab.host, await guestOfMap(lab.host), programs.multipathd),
    );
  },
  ['6.12'],
);
