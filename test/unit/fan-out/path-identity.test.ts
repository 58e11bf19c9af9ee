/** Paths that lead to another logical unit. */
import { beforeEach, describe, expect, it } from 'vitest';
import { register, release, reserve } from '../emulated/support/commands.js';
import { registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('rule 11: the wrong logical unit', () => {
  it('a path that leads elsewhere is not used', async () => {
    world.path('a').identity = 'other';
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('b 0x1');
    expect(world.notices.join()).toContain('sd-a leads to another logical unit');
  });

  it.each([
    ['29/00 POWER ON', { senseKey: 6, asc: 0x29, ascq: 0 }],
    ['3F/0E REPORTED LUNS DATA HAS CHANGED', { senseKey: 6, asc: 0x3f, ascq: 0x0e }],
  ])('is looked for again after %s', async (_, sense) => {
    await world.registered();
    await world.pass(2_000);
    world.path('a').identity = 'other';
    world.array.establish(world.path('a').nexus, sense);
    world.array.log.length = 0;
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(world.array.log).toEqual(['b register good', 'b preempt good']);
  });

  it('is looked for before each command, since nothing may say so', async () => {
    await world.registered();
    world.path('a').identity = 'other';
    world.array.log.length = 0;
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(world.array.log).toEqual(['b reserve good']);
    await world.run(release(1n, registrantsOnly));
    expect(world.notices.filter((text) => text.includes('another logical unit'))).toHaveLength(1);
  });

  it('is not asked for reservations either', async () => {
    await world.registered();
    for (const name of ['a', 'b']) world.path(name).identity = 'other';
    await world.pass(2_000);
    expect(await world.keys()).toEqual([]);
  });

  it('is looked for again after a change of state', async () => {
    await world.registered();
    await world.fail('a');
    world.path('a').identity = 'other';
    await world.heal('a');
    world.array.log.length = 0;
    await world.run(reserve(1n, registrantsOnly));
    expect(world.array.log).toEqual(['b reserve good']);
  });
});
