/** Which registrations are this host's own. */
import { beforeEach, describe, expect, it } from 'vitest';
import { register, reserve } from '../emulated/support/commands.js';
import { registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('rule 12: own paths are proven', () => {
  it('not while another host registers with the same key at the same time', async () => {
    let once = true;
    world.path('a').afterOut = () => {
      if (once) world.other(register(0n, 1n));
      once = false;
    };
    expect(await world.run(register(0n, 1n))).toBe('good');
    // Which of the two is ours can't be seen: neither folded nor repaired.
    expect(world.array.text).toBe('a 0x1 f 0x1');
    expect(await world.fullStatus()).toBe('a 0x1 f 0x1');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('f 0x1');
  });

  it('by repeating the REGISTER when another host sent something at the same time', async () => {
    let once = true;
    world.path('a').afterOut = () => {
      if (once) world.other(register(0n, 2n));
      once = false;
    };
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x2');
    expect(await world.fullStatus()).toBe('guest 0x1 f 0x2');
    expect(world.array.log.filter((line) => line === 'a register good')).toHaveLength(2);
  });

  it('folds dead nexuses, too', async () => {
    await world.registered();
    world.removePath('a');
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(await world.fullStatus()).toBe('guest 0x1');
  });

  it('shows the guest as the holder through whichever path it holds', async () => {
    await world.registered();
    world.path('a').condition = 'down';
    await world.run(reserve(1n, registrantsOnly));
    expect(world.array.text).toBe('a 0x1 b 0x1*');
    expect(await world.fullStatus()).toBe('guest 0x1*');
  });
});
