/** What on this host would undo the fencing, multipathd above all (fencing rule 19). */
import { beforeEach, expect, it } from 'vitest';
import { preempt, register } from '../emulated/support/commands.js';
import { holding, registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

const obstacle = 'multipathd would register by itself';
let world: World;

beforeEach(async () => {
  world = await World.open();
});

it('keeps a path that comes back from being repaired, and the data from passing', async () => {
  await holding(world);
  await world.fail('b');
  world.other(register(1n, 0n), world.path('b').nexus);
  world.obstacle = obstacle;
  await world.heal('b');
  await world.pass(10_000);
  expect(world.array.text).toBe('a 0x1* f 0x2');
  expect(world.gate.isOpen).toBe(false);
  expect(await world.run(register(1n, 3n))).toBe('busy');
  expect(await world.keys()).toEqual([1n, 2n]);
});

it('keeps a guest fenced that somebody else has registered again', async () => {
  await holding(world);
  await world.fail('b');
  world.obstacle = obstacle;
  await world.heal('b');
  world.other(preempt(2n, 1n, registrantsOnly));
  world.other(register(0n, 1n), world.path('b').nexus);
  await world.pass(10_000);
  expect(world.gate.isOpen).toBe(false);
});

it('is told of once, and so is its end, and then all goes on', async () => {
  await holding(world);
  world.notices.length = 0;
  world.obstacle = obstacle;
  await world.fail('b');
  world.other(register(1n, 0n), world.path('b').nexus);
  await world.heal('b');
  await world.pass(5_000);
  world.obstacle = undefined;
  await world.pass(5_000);
  expect(world.notices).toEqual([
    `the guest's data and its reservation commands wait, since ${obstacle}`,
    'nothing stands against the reservations any more',
  ]);
  expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
  expect(world.gate.isOpen).toBe(true);
});

it('does not hold up a guest that has never registered', async () => {
  world.obstacle = obstacle;
  await world.fail('b');
  await world.pass(5_000);
  expect(world.gate.isOpen).toBe(true);
  expect(await world.run(register(0n, 1n))).toBe('busy');
  expect(world.array.text).toBe('');
});
