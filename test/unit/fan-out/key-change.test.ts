/** A change of the key, whatever becomes of the paths (fencing rule 9). */
import { beforeEach, describe, expect, it } from 'vitest';
import { preempt, register, reserve } from '../emulated/support/commands.js';
import { FencingWatch } from './support/fencing-watch.js';
import { holding, registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
  await holding(world);
});

it('does not bring the old key back with a path, when the new one was preempted', async () => {
  await world.fail('a');
  expect(await world.run(register(1n, 3n))).toBe('good');
  world.other(preempt(2n, 3n, registrantsOnly));
  await world.heal('a');
  expect(world.array.text).toBe('f 0x2*');
});

it('half preempted, takes no dead nexus for a witness when the rest is executed late', async () => {
  world = await World.open({ paths: ['a', 'b', 'c'] });
  await holding(world);
  const [a, c] = [world.path('a'), world.path('c')];
  a.afterOut = () => {
    world.other(preempt(2n, 3n, registrantsOnly));
  };
  c.beforeOut = () => {
    c.condition = 'hangs';
  };
  expect(await world.run(register(1n, 3n))).toBe('b/08/01');
  expect(world.array.text).toBe('b 0x3 c 0x1 f 0x2*');
  const watch = new FencingWatch(world);
  world.removePath('b');
  world.addPath('b2');
  await world.noticePaths();
  await world.pass(2_000);
  c.beforeOut = () => undefined;
  await world.heal('c');
  await world.pass(5_000);
  expect(world.array.log).toContain('c register good');
  expect(world.array.text).toBe('b 0x3 f 0x2*');
  expect(watch.violations).toEqual([]);
  expect(world.attentions()).toEqual(['6/2a/05']);
  expect(await world.run(register(0n, 5n))).toBe('good');
  expect(world.array.text).toBe('a 0x5 b2 0x5 c 0x5 f 0x2*');
});

describe('cut short, the old key on a path out of reach', () => {
  let watch: FencingWatch;

  /** Path b goes before its REGISTER, path a before the PREEMPT of what b has. */
  beforeEach(async () => {
    const [a, b] = [world.path('a'), world.path('b')];
    b.beforeOut = () => {
      b.condition = 'down';
    };
    a.beforeOut = () => {
      a.beforeOut = () => {
        a.condition = 'down';
      };
    };
    expect(await world.run(register(1n, 3n))).toBe('b/08/01');
    for (const path of [a, b]) path.beforeOut = () => undefined;
    expect(world.array.text).toBe('a 0x3* b 0x1 f 0x2');
    expect(world.gate.isOpen).toBe(false);
    watch = new FencingWatch(world);
  });

  async function healA(): Promise<void> {
    world.path('a').condition = 'works';
    await world.pass(5_000);
  }

  it('has that preempted before the data of the guest passes again', async () => {
    await world.pass(5_000);
    expect(world.gate.isOpen).toBe(false);
    expect(await world.run(reserve(3n, registrantsOnly))).toBe('busy');
    let isOpen = true;
    world.path('a').beforeOut = () => {
      isOpen = world.gate.isOpen;
    };
    await healA();
    expect(isOpen).toBe(false);
    expect(world.array.text).toBe('a 0x3* f 0x2');
    expect(world.gate.isOpen).toBe(true);
    expect(world.attentions()).toEqual([]);
    expect(world.other(preempt(2n, 1n, registrantsOnly))).toBe('conflict');
    await world.heal('b');
    expect(world.array.text).toBe('a 0x3* b 0x3 f 0x2');
  });

  it('is repaired by REGISTER when that path comes back first', async () => {
    world.path('b').condition = 'works';
    await world.pass(5_000);
    expect(world.array.text).toBe('a 0x3* b 0x3 f 0x2');
    expect(world.gate.isOpen).toBe(true);
    await healA();
    expect(world.array.text).toBe('a 0x3* b 0x3 f 0x2');
    expect(world.attentions()).toEqual([]);
  });

  it.each([
    ['old', 1n],
    ['new', 3n],
  ])('leaves neither key when another host preempts the %s one meanwhile', async (_, key) => {
    expect(world.other(preempt(2n, key, registrantsOnly))).toBe('good');
    await healA();
    world.path('b').condition = 'works';
    await world.pass(5_000);
    expect(watch.violations).toEqual([]);
    expect(world.array.text).toMatch(/^f 0x2\*?$/);
    expect(world.attentions()).toEqual(['6/2a/05']);
    expect(world.gate.isOpen).toBe(true);
  });

  it.each([
    ['old', 1n],
    ['new', 3n],
  ])('leaves neither key when the %s one is preempted between the two steps', async (_, key) => {
    world.path('a').beforeOut = () => {
      world.path('a').beforeOut = () => undefined;
      world.other(preempt(2n, key, registrantsOnly));
    };
    await healA();
    world.path('b').condition = 'works';
    await world.pass(5_000);
    expect(watch.violations).toEqual([]);
    expect(world.array.text).toMatch(/^f 0x2\*?$/);
    expect(world.gate.isOpen).toBe(true);
  });

  it('is brought to an end by the next process', async () => {
    world.kill();
    await world.start();
    expect(world.gate.isOpen).toBe(false);
    await healA();
    expect(world.array.text).toBe('a 0x3* f 0x2');
    expect(world.gate.isOpen).toBe(true);
  });

  it('is taken back where another host has the old key, too', async () => {
    world.other(register(2n, 1n));
    await healA();
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x1');
    expect(world.gate.isOpen).toBe(true);
    expect(world.array.log.filter((line) => line.includes('preempt'))).toEqual([]);
  });

  it('says once why the data waits', async () => {
    const a = world.path('a');
    a.beforeOut = () => {
      world.array.establish(a.nexus, { senseKey: 6, asc: 0x2a, ascq: 0x01 });
    };
    await healA();
    expect(world.array.text).toBe('a 0x3* b 0x1 f 0x2');
    expect(world.notices.filter((notice) => notice.includes('cut short'))).toHaveLength(1);
    expect(world.gate.isOpen).toBe(false);
    a.beforeOut = () => undefined;
    await world.pass(2_000);
    expect(world.array.text).toBe('a 0x3* f 0x2');
  });
});
