/** Broken surroundings, and the end. */
import { beforeEach, describe, expect, it } from 'vitest';
import { readKeys, register } from '../emulated/support/commands.js';
import { idle } from './support/scheduler.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('hostile and broken surroundings', () => {
  it('no path at all: BUSY, and the gate is open for a guest that is not registered', async () => {
    world = await World.open({ paths: [] });
    expect(await world.run(readKeys)).toBe('busy');
    expect(await world.run(register(0n, 1n))).toBe('busy');
    expect(world.gate.isOpen).toBe(true);
    world.addPath('a');
    await world.noticePaths();
    expect(await world.run(register(0n, 1n))).toBe('good');
  });

  it('a path whose nexus is another after a new login is registered beside the dead one', async () => {
    await world.registered();
    world.removePath('a');
    world.addPath('a2');
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1 a2 0x1 b 0x1');
    expect(await world.fullStatus()).toBe('guest 0x1');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('');
  });

  it('does nothing any more once it is closed', async () => {
    await world.registered();
    world.device.close();
    const seen = world.scheduler.history.length;
    world.source.dispatchEvent(new Event('change'));
    await idle();
    expect(world.scheduler.events).toEqual([]);
    expect(world.scheduler.history).toHaveLength(seen);
  });
});
