/** What a guest is told of changes that others made. */
import { beforeEach, describe, expect, it } from 'vitest';
import { clear, preempt, register, release, reserve } from '../emulated/support/commands.js';
import { holding, registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe.each([
  ['delivered', false],
  ['swallowed', true],
])('rule 16: unit attentions %s by the kernel', (_, swallows) => {
  beforeEach(async () => {
    await holding(world);
    world.array.swallowsAttentions = swallows;
  });

  it('own key lost with registrants left: one 2A/05, and the command is not executed', async () => {
    world.other(preempt(2n, 1n, registrantsOnly));
    world.array.log.length = 0;
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('6/2a/05');
    expect(world.array.log).toEqual([]);
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('conflict');
    expect(world.attentions()).toEqual([]);
  });

  it('table empty: one 2A/03', async () => {
    world.other(clear(2n));
    expect(await world.keys()).toEqual([]);
    expect(world.attentions()).toEqual(['6/2a/03']);
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.attentions()).toEqual([]);
  });

  it('reservation released: one 2A/04', async () => {
    await world.run(release(1n, registrantsOnly));
    world.other(reserve(2n, registrantsOnly));
    await world.keys();
    world.other(release(2n, registrantsOnly));
    await world.keys();
    await world.keys();
    expect(world.attentions()).toEqual(['6/2a/04']);
  });

  it('none for what the guest did itself', async () => {
    await world.run(preempt(1n, 2n, registrantsOnly));
    await world.run(release(1n, registrantsOnly));
    await world.run(register(1n, 3n));
    await world.run(clear(3n));
    await world.keys();
    expect(world.attentions()).toEqual([]);
  });

  it('an audit, as TEST UNIT READY asks for it, tells of the change', async () => {
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.until(world.device.audit());
    expect(world.attentions()).toEqual(['6/2a/05']);
  });
});
