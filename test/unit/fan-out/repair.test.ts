/** Paths that lack the key get it by the rules of repair. */
import { beforeEach, describe, expect, it } from 'vitest';
import { clear, preempt, register, registerAndIgnore } from '../emulated/support/commands.js';
import { holding, registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('rule 8: repair by witness only', () => {
  it('registers a path again while another registration is there, gate closed', async () => {
    await holding(world);
    world.gate.log.length = 0;
    await world.fail('b');
    world.other(clear(1n), world.path('b').nexus);
    world.other(register(0n, 1n), world.path('a').nexus);
    await world.heal('b');
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(world.gate.log).toContain('drain');
  });

  it('registers a path that was away for a moment, though nobody says that it is back', async () => {
    world.path('b').condition = 'down';
    await world.registered();
    expect(world.array.text).toBe('a 0x1');
    world.path('b').condition = 'works';
    await world.pass(5_000);
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(world.gate.isOpen).toBe(true);
  });

  it('registers nothing without one', async () => {
    await holding(world);
    await world.fail('b');
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.heal('b');
    expect(world.array.text).toBe('f 0x2*');
    expect(world.array.log.filter((line) => line.startsWith('b register'))).toHaveLength(1);
  });

  it('takes a dead nexus as a witness', async () => {
    await world.registered();
    world.removePath('a');
    await world.noticePaths();
    world.other(register(1n, 0n), world.path('b').nexus);
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1 b 0x1');
  });

  it('does not repair where another host has the key, too', async () => {
    await holding(world);
    world.other(register(2n, 1n));
    world.other(register(1n, 0n), world.path('b').nexus);
    await world.noticePaths();
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1* f 0x1');
    expect(world.notices.filter((notice) => notice.includes('another host has it'))).toHaveLength(
      1,
    );
    expect(world.gate.isOpen).toBe(true);
  });

  it('waits with the repair until older writes have left the kernel', async () => {
    await holding(world);
    world.other(register(1n, 0n), world.path('b').nexus);
    world.gate.drains = false;
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1* f 0x2');
    world.gate.drains = true;
    await world.pass(2_000);
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
  });

  it('never sends REGISTER AND IGNORE EXISTING KEY', async () => {
    await world.run(registerAndIgnore(1n));
    await world.run(registerAndIgnore(3n));
    await world.fail('a');
    await world.run(registerAndIgnore(4n));
    await world.heal('a');
    expect(world.array.text).toBe('a 0x4 b 0x4');
    expect(world.array.log.filter((line) => line.includes('ignore'))).toEqual([]);
  });
});

describe('rule 13: APTPL of the last REGISTER', () => {
  it.each([true, false])('%s is repeated by every repair', async (aptpl) => {
    await world.run(register(0n, 1n, { aptpl }));
    await world.fail('b');
    world.other(register(1n, 0n, { aptpl: !aptpl }), world.path('b').nexus);
    expect(world.array.state.aptpl).toBe(!aptpl);
    await world.heal('b');
    expect(world.array.state.aptpl).toBe(aptpl);
  });
});
