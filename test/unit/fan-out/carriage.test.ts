/** What several paths, or a transport with limits, can not carry. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  preempt,
  register,
  registerAndMove,
  release,
  release6,
  replaceLostReservation,
  reportCapabilities,
  reserve,
  reserve6,
} from '../emulated/support/commands.js';
import { nexusNamed } from '../emulated/support/reservations.js';
import { holding, registrantsOnly } from './support/situations.js';
import { foreign, guest, World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('rules 14 and 15: what several paths can not carry', () => {
  it.each([
    ['RESERVE WE', reserve(1n, 'write-exclusive'), '5/24/00'],
    ['RESERVE EA', reserve(1n, 'exclusive-access'), '5/24/00'],
    ['PREEMPT WE', preempt(1n, 2n, 'write-exclusive'), '5/24/00'],
    ['SPEC_I_PT', register(1n, 1n, { specIPt: [foreign.transportId] }), '5/26/00'],
    ['ALL_TG_PT', register(1n, 1n, { allTgPt: true }), '5/26/00'],
    ['REPLACE LOST RESERVATION', replaceLostReservation, '5/24/00'],
    ['MOVE to an own path', registerAndMove(1n, 5n, nexusNamed('b').transportId), '5/26/00'],
    ['MOVE to the guest', registerAndMove(1n, 5n, guest.transportId), '5/26/00'],
    ['RESERVE(6)', reserve6, '5/24/00'],
    ['RELEASE(6)', release6, '5/24/00'],
  ])('%s is refused', async (_, command, sense) => {
    await holding(world);
    world.array.log.length = 0;
    expect(await world.run(command)).toBe(sense);
    expect(world.array.log).toEqual([]);
  });

  it('one path carries every type', async () => {
    world = await World.open({ paths: ['a'] });
    await world.registered();
    expect(await world.run(reserve(1n, 'write-exclusive'))).toBe('good');
  });

  it('REGISTER AND MOVE goes from the path that holds', async () => {
    await holding(world);
    const command = registerAndMove(1n, 5n, foreign.transportId);
    expect(await world.run(command)).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x5*');
  });

  it('REGISTER AND MOVE with UNREG unregisters every path', async () => {
    await holding(world);
    const command = registerAndMove(1n, 5n, foreign.transportId, { unregister: true });
    expect(await world.run(command)).toBe('good');
    expect(world.array.text).toBe('f 0x5*');
  });

  it('in sequential mode no two REGISTERs are on their way at once', async () => {
    world = await World.open({ paths: ['a', 'b', 'c'], sequential: true });
    await world.registered();
    let most = 0;
    world.choose = (names) => {
      most = Math.max(most, names.filter((name) => name.endsWith(' register')).length);
      return 0;
    };
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(await world.run(register(3n, 0n))).toBe('good');
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 c 0x1');
    expect(most).toBe(1);
  });

  it('otherwise they are', async () => {
    world = await World.open({ paths: ['a', 'b', 'c'] });
    await world.registered();
    let most = 0;
    world.choose = (names) => {
      most = Math.max(most, names.filter((name) => name.endsWith(' register')).length);
      return 0;
    };
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(most).toBe(3);
  });
});

describe('transports with limits', () => {
  it('without READ FULL STATUS: every path is registered, nothing is folded or repaired', async () => {
    world = await World.open({
      limits: { fullStatus: false, reportCapabilities: false, aptplChoice: false },
    });
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(await world.keys()).toEqual([1n, 1n]);
    expect(await world.run({ action: 'read-full-status' })).toBe('5/24/00');
    expect(await world.outcome(reportCapabilities)).toMatchObject({
      data: { capabilities: { persistThroughPowerLossActive: true } },
    });
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
    expect(world.array.state.reservation).toBeUndefined();
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(await world.run(register(3n, 0n))).toBe('good');
    expect(world.array.text).toBe('');
  });

  it('without REGISTER AND MOVE: 5/24/00', async () => {
    world = await World.open({ limits: { registerAndMove: false } });
    await world.registered();
    expect(await world.run(registerAndMove(1n, 5n, foreign.transportId))).toBe('5/24/00');
  });

  it('with one registration per host: any path acts for all, every type is carried', async () => {
    world = await World.open({ paths: ['a'], limits: { hostWide: true } });
    // A second controller of the same host is the same registrant.
    const second = world.addPath('b');
    second.limits = world.path('a').limits;
    Object.assign(second, { nexus: world.path('a').nexus });
    await world.noticePaths();
    await world.registered();
    expect(world.array.text).toBe('a 0x1');
    await world.fail('a');
    expect(await world.run(reserve(1n, 'write-exclusive'))).toBe('good');
    expect(await world.run(preempt(1n, 1n, 'exclusive-access'))).toBe('good');
    expect(world.array.text).toBe('a 0x1*');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('');
  });
});
