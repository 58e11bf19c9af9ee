/** kill -9 at every step of every command, and what the next process makes of it (fencing rule 18). */
import { describe, expect, it } from 'vitest';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { preempt, registerAndIgnore } from '../emulated/support/commands.js';
import { textOf } from '../emulated/support/outcome-text.js';
import { explore } from './support/explore.js';
import { FencingWatch } from './support/fencing-watch.js';
import { holderAfter, keyAfter, ownHolds, ownKeys } from './support/expectations.js';
import { commands, registrantsOnly, type SetUp } from './support/situations.js';
import { guest, World } from './support/world.js';

interface Crash {
  world: World;
  /** The answer the guest got, or gets when it sends the command again. */
  answer: string;
  story: string;
}

/** Crashes at every possible moment of a command; the guest then sends it again. */
async function crashing(
  setUp: SetUp,
  command: PrOutCommand,
  meanwhile: (world: World) => void,
  check: (crash: Crash) => Promise<void>,
): Promise<number> {
  return explore(async (choose) => {
    const world = await World.open();
    await setUp(world);
    world.attentions();
    world.journal.beforeSave = () =>
      new Promise((resolve) => {
        world.scheduler.add('save', resolve);
      });
    let crashed = false;
    world.scheduler.add('crash', () => {
      crashed = true;
      world.kill();
    });
    world.choose = choose;
    let answer = '';
    const running = world.device.execute(guest, command).then((outcome) => {
      answer = textOf(outcome);
    });
    void running;
    await world.quiet();
    world.choose = () => 0;
    const story = world.scheduler.history.filter((name) => !/read|probe/.test(name)).join(', ');
    meanwhile(world);
    expect(crashed).toBe(true);
    await world.start();
    await world.pass(5_000);
    if (answer === '') answer = world.attentions().join() || (await world.run(command));
    for (const { id } of world.paths) await world.heal(id);
    await world.pass(10_000);
    await check({ world, answer, story: `${answer}: ${story} | ${world.array.text}` });
    world.kill();
  });
}

describe('a process that is killed', () => {
  it.each(commands)('during %s', async (_, setUp, command) => {
    const fresh = await World.open();
    await setUp(fresh);
    const before = fresh.array.keyOf(fresh.path('b').nexus);
    const held = ownHolds(fresh);
    fresh.kill();

    await crashing(
      setUp,
      command,
      () => undefined,
      async ({ world, answer, story }) => {
        const after = keyAfter(command, before, held);
        expect(ownKeys(world), story).toHaveLength(1);
        if (answer === 'good') {
          expect(ownKeys(world), story).toEqual([after]);
          expect(ownHolds(world), story).toBe(holderAfter(command, after, held));
        }
        // A change of the key that was cut off can leave no witness: the guest must register anew.
        const changes = before !== 0n && after !== before && after !== 0n;
        const answers = changes ? /^(good|busy|b\/08\/01|6\/2a\/05)$/ : /^(good|busy|b\/08\/01)$/;
        expect(answer, story).toMatch(answers);
        expect(world.gate.isOpen, story).toBe(true);
        expect(world.faults, story).toEqual([]);
        world.attentions();
        expect(await world.run(registerAndIgnore(9n)), story).toBe('good');
        expect(ownKeys(world), story).toEqual([9n]);
      },
    );
  });

  it.each(commands)(
    'during %s, and its guest fenced before the next',
    async (_, setUp, command) => {
      await crashing(
        setUp,
        command,
        (world) => {
          watches.set(world, new FencingWatch(world));
          for (const key of [1n, 3n]) world.other(preempt(2n, key, registrantsOnly));
        },
        ({ world, story }) => {
          const watch = watches.get(world);
          expect(watch?.violations, story).toEqual([]);
          expect(world.gate.isOpen, story).toBe(true);
          return Promise.resolve();
        },
      );
    },
  );
});

const watches = new WeakMap<World, FencingWatch>();
