/** Commands that may yet be executed. */
import { beforeEach, describe, expect, it } from 'vitest';
import { clear, preempt, register, release, reserve } from '../emulated/support/commands.js';
import { FencingWatch } from './support/fencing-watch.js';
import { holding, registrantsOnly } from './support/situations.js';
import { guest, World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('rule 10: unsettled commands', () => {
  beforeEach(() => holding(world));

  it('are answered 0B/08/01 at the deadline', async () => {
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'hangs';
    };
    expect(await world.run(preempt(1n, 2n, registrantsOnly))).toBe('b/08/01');
    expect(world.clock.now()).toBeLessThanOrEqual(5_000);
  });

  it('keep other commands BUSY until they are settled, and PERSISTENT RESERVE IN works', async () => {
    // An all-registrants reservation can't be taken over by preempting oneself: nothing to disarm.
    await world.run(release(1n, registrantsOnly));
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'hangs';
    };
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('b/08/01');
    const asked = world.clock.now();
    expect(await world.run(register(1n, 3n))).toBe('busy');
    expect(await world.keys()).toEqual([1n, 2n]);
    expect(world.clock.now() - asked).toBeLessThanOrEqual(1_000);

    world.path('a').beforeOut = () => undefined;
    await world.heal('a');
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(world.array.text).toBe('a 0x3* b 0x3 f 0x2');
  });

  it.each([
    ['RELEASE', release(1n, registrantsOnly)],
    ['CLEAR', clear(1n)],
    ['PREEMPT', preempt(1n, 2n, registrantsOnly)],
    ['a change of the key', register(1n, 3n)],
    ['unregistering', register(1n, 0n)],
  ])('%s is disarmed from a healthy path, and does nothing at the heal', async (_, command) => {
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'hangs';
    };
    expect(await world.run(command)).toBe('b/08/01');
    await world.pass(100);
    const key = world.array.keyOf(world.path('b').nexus);
    if (key !== 0n) {
      expect(world.array.keyOf(world.path('a').nexus)).toBe(0n);
      expect(await world.run(reserve(key, registrantsOnly))).toBe('good');
    }
    const before = world.array.text;
    world.path('a').beforeOut = () => undefined;
    world.path('a').condition = 'works';
    await world.quiet();
    await world.pass(5_000);
    expect(world.array.text).toBe(key === 0n ? before : `a 0x${key.toString(16)} ${before}`);
  });

  it('keep the gate closed while a REGISTER without key to check is unsettled', async () => {
    await world.run(register(1n, 0n));
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'hangs';
    };
    expect(await world.run(register(0n, 1n))).toBe('b/08/01');
    await world.pass(10_000);
    expect(world.gate.isOpen).toBe(false);
    world.other(preempt(2n, 1n, registrantsOnly));
    world.path('a').beforeOut = () => undefined;
    await world.heal('a');
    await world.pass(5_000);
    expect(world.array.text).toBe('f 0x2');
    expect(world.gate.isOpen).toBe(true);
  });

  it('are judged by no look that is older than their end', async () => {
    await world.run(register(1n, 0n));
    const a = world.path('a');
    a.beforeOut = () => {
      a.condition = 'hangs';
    };
    expect(await world.run(register(0n, 1n))).toBe('b/08/01');
    a.beforeOut = () => undefined;
    world.other(preempt(2n, 1n, registrantsOnly));
    const watch = new FencingWatch(world);
    const { onExecuted } = world.array;
    world.array.onExecuted = (nexus, command, outcome) => {
      onExecuted(nexus, command, outcome);
      // The look has its answer, and only now the lost command is executed.
      if (command.action === 'read-full-status') a.condition = 'works';
    };
    await world.pass(5_000);
    expect(world.array.log).toContain('a register good');
    expect(world.array.text).toBe('f 0x2');
    expect(watch.violations).toEqual([]);
    expect(world.gate.isOpen).toBe(true);
  });

  it('a hung path delays PERSISTENT RESERVE IN and RESERVE by at most a second', async () => {
    world.path('a').condition = 'mute';
    await world.pass(2_000);
    const before = world.clock.now();
    expect(await world.keys()).toEqual([1n, 2n]);
    expect(world.clock.now() - before).toBeLessThanOrEqual(1_000);
    const then = world.clock.now();
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(world.clock.now() - then).toBeLessThanOrEqual(1_000);
  });
});

describe('where a later command proves nothing (NVMe)', () => {
  beforeEach(async () => {
    world = await World.open({ paths: ['a'], limits: { hostWide: true } });
    world.path('a').lateExecutionMs = 30_000;
    await world.registered();
  });

  /** RESERVE is lost; its call comes back without the device's answer. */
  async function lost(): Promise<void> {
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'mute';
    };
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('b/08/01');
    world.path('a').beforeOut = () => undefined;
    world.path('a').condition = 'works';
    await world.quiet();
  }

  it('changes are BUSY until the device can not execute the command any more', async () => {
    await lost();
    await world.pass(29_000);
    expect(await world.keys()).toEqual([1n]);
    expect(await world.run(release(1n, registrantsOnly))).toBe('busy');
    await world.pass(2_000);
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
  });

  it('also for the command of a process that was killed', async () => {
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'mute';
    };
    void world.device.execute(guest, reserve(1n, registrantsOnly));
    await world.quiet();
    world.kill();
    world.path('a').beforeOut = () => undefined;
    world.path('a').condition = 'works';
    await world.start();
    await world.pass(29_000);
    expect(await world.run(release(1n, registrantsOnly))).toBe('busy');
    await world.pass(2_000);
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
  });

  it('for ever where nobody knows how long that is', async () => {
    world.path('a').lateExecutionMs = Infinity;
    await lost();
    await world.pass(600_000);
    expect(await world.run(release(1n, registrantsOnly))).toBe('busy');
  });

  it('but the answer of the device ends it', async () => {
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'deaf';
    };
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('b/08/01');
    world.path('a').beforeOut = () => undefined;
    await world.heal('a');
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
  });
});
