/** Another host's PREEMPT or CLEAR between every two steps of every plan and every repair. */
import { describe, expect, it } from 'vitest';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { clear, preempt, release } from '../emulated/support/commands.js';
import { explore } from './support/explore.js';
import { FencingWatch } from './support/fencing-watch.js';
import {
  commands,
  holderDown,
  oneDown,
  registered,
  registrantsOnly,
  type SetUp,
} from './support/situations.js';
import { World, type WorldOptions } from './support/world.js';

const attacks: [string, PrOutCommand][] = [
  ['PREEMPT of its key', preempt(2n, 1n, registrantsOnly)],
  ['PREEMPT of its new key', preempt(2n, 3n, registrantsOnly)],
  ['CLEAR', clear(2n)],
];

async function attacked(
  options: WorldOptions,
  setUp: SetUp,
  attack: PrOutCommand,
  start: (world: World) => Promise<unknown>,
  swallows: boolean,
): Promise<number> {
  return explore(async (choose) => {
    const world = await World.open(options);
    await setUp(world);
    world.attentions();
    world.array.swallowsAttentions = swallows;
    const watch = new FencingWatch(world);
    world.scheduler.add('attack', () => world.other(attack));
    world.choose = choose;
    await start(world);
    await world.quiet();
    world.choose = () => 0;
    for (const { id } of world.paths) await world.heal(id);
    await world.pass(20_000);
    const story = world.scheduler.history.filter((name) => !name.includes('read')).join(', ');
    expect(watch.violations, story).toEqual([]);
    if (watch.fenced) {
      expect(ownKeys(world), story).toEqual([]);
    }
    expect(new Set(ownKeys(world)).size, story).toBeLessThanOrEqual(1);
    expect([0, world.paths.length], story).toContain(ownKeys(world).length);
    expect(world.gate.isOpen, story).toBe(true);
    expect(world.faults, story).toEqual([]);
    world.kill();
  });
}

function ownKeys(world: World): bigint[] {
  return world.paths.map(({ nexus }) => world.array.keyOf(nexus)).filter((key) => key !== 0n);
}

describe.each(attacks)('%s by another host at any time', (_, attack) => {
  describe.each([
    ['seen', false],
    ['swallowed', true],
  ])('its unit attentions %s', (__, swallows) => {
    it.each(commands)('during %s', async (___, setUp, command) => {
      const runs = await attacked({}, setUp, attack, (world) => world.run(command), swallows);
      expect(runs).toBeGreaterThan(1);
    });

    it('during the repair of a path that comes back', async () => {
      await attacked({}, oneDown, attack, (world) => world.heal('a'), swallows);
    });

    it('during the repair of a path that lost its key', async () => {
      const setUp: SetUp = async (world) => {
        await holderDown(world);
        await world.run(release(1n, registrantsOnly));
        world.path('a').condition = 'works';
        world.path('a').state = 'up';
      };
      const start = async (world: World) => {
        world.gate.meetConflict();
        await world.quiet();
      };
      await attacked({}, setUp, attack, start, swallows);
    });

    it('during the repair of a new path, of which nothing is known', async () => {
      const start = async (world: World) => {
        world.addPath('c');
        await world.noticePaths();
      };
      await attacked({}, registered, attack, start, swallows);
    });
  });
});
