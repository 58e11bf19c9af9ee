/** Which registrations are this host's own. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { TransportId } from '../../../src/pr/transport-id.js';
import { preempt, register, reserve } from '../emulated/support/commands.js';
import { nexusNamed } from '../emulated/support/reservations.js';
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

  it('not if the host knows that its port has another name', async () => {
    world.path('a').initiator = nexusNamed('another').transportId;
    expect(await world.run(register(0n, 1n))).toBe('good');
    // Path a is registered, and neither folded nor a witness for b.
    expect(await world.fullStatus()).toBe('a 0x1');
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1');
  });

  it('if the host knows no more of its port than the name of the initiator', async () => {
    for (const name of ['a', 'b']) world.path(name).initiator = initiatorOf(name);
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(await world.fullStatus()).toBe('guest 0x1');
  });
});

describe('rule 12: a dead nexus, left by a new login', () => {
  beforeEach(async () => {
    await world.registered();
    world.other(register(0n, 2n));
    await logInAnew('a', 'a2');
    expect(world.array.text).toBe('a 0x1 a2 0x1 b 0x1 f 0x2');
  });

  async function logInAnew(before: string, now: string): Promise<void> {
    world.removePath(before);
    world.addPath(now);
    await world.noticePaths();
  }

  it('is remembered by the next process', async () => {
    world.kill();
    await world.start();
    expect(await world.fullStatus()).toBe('guest 0x1 f 0x2');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('f 0x2');
  });

  it('is preempted with the others', async () => {
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.noticePaths();
    expect(world.array.text).toBe('f 0x2');
    expect(world.attentions()).toEqual(['6/2a/05']);
  });

  it('gets the new key of no change, and keeps no old one', async () => {
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(world.array.text).toBe('a2 0x3 b 0x3 f 0x2');
  });

  it('does not count as a path', async () => {
    for (const name of ['a2', 'b']) await world.fail(name);
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('busy');
    expect(world.gate.isOpen).toBe(true);
  });

  it('is forgotten once the array has no registration of it', async () => {
    await world.run(register(1n, 0n));
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('conflict');
    // Whoever has that name now is not this host.
    world.other(register(0n, 1n), world.path('a').nexus);
    await world.registered();
    expect(await world.fullStatus()).toBe('f 0x2 a 0x1 guest 0x1');
  });

  it('witnesses for a path that lost its key', async () => {
    for (const name of ['a2', 'b']) world.other(register(1n, 0n), world.path(name).nexus);
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1 a2 0x1 b 0x1 f 0x2');
  });
});

/** As sysfs has it for iSCSI: without the ISID. */
function initiatorOf(name: string): TransportId {
  const { transportId } = nexusNamed(name);
  if (transportId.protocol !== 'iscsi') throw new Error('not an iSCSI nexus');
  return { ...transportId, isid: undefined };
}
