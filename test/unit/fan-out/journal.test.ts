/** What the journal does for a guest. */
import { beforeEach, describe, expect, it } from 'vitest';
import { DeviceReservations } from '../../../src/fan-out/device-reservations.js';
import { preempt, register, release, reserve } from '../emulated/support/commands.js';
import { holding, registrantsOnly } from './support/situations.js';
import { guest, World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('rule 18: the journal', () => {
  it('has the new key before any path is touched', async () => {
    await world.registered();
    let told = '';
    world.path('a').beforeOut = () => {
      told = world.journal.text ?? '';
    };
    await world.run(register(1n, 3n));
    expect(told).toContain('"key": "0x3"');
    expect(told).toContain('"otherKey": "0x1"');
  });

  it('that can not be written keeps every path untouched', async () => {
    world.journal.beforeSave = () => Promise.reject(new Error('no space left on device'));
    expect(await world.run(register(0n, 1n))).toBe('4/44/00');
    expect(world.array.text).toBe('');
    expect(world.notices.join()).toContain('no space left');
    world.journal.beforeSave = () => Promise.resolve();
    expect(await world.run(register(0n, 1n))).toBe('good');
  });

  it('brings a new process to the same standing', async () => {
    await holding(world);
    world.kill();
    await world.start();
    expect(world.gate.isOpen).toBe(true);
    expect(await world.fullStatus()).toBe('guest 0x1* f 0x2');
    expect(world.attentions()).toEqual([]);
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
  });

  it('opens the gate only when the array has been seen', async () => {
    await holding(world);
    world.kill();
    for (const { id } of world.paths) world.path(id).condition = 'down';
    await world.start();
    expect(world.gate.isOpen).toBe(false);
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('busy');
    world.other(preempt(2n, 1n, registrantsOnly));
    for (const { id } of world.paths) world.path(id).condition = 'works';
    await world.pass(2_000);
    expect(world.gate.isOpen).toBe(true);
    expect(world.array.text).toBe('f 0x2*');
    expect(world.attentions()).toEqual(['6/2a/05']);
  });

  it('tells the guest of a fencing that it had not heard of when the process ended', async () => {
    await holding(world);
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.noticePaths();
    world.kill();
    await world.start();
    expect(await world.run(register(1n, 3n))).toBe('6/2a/05');
    expect(await world.run(register(0n, 3n))).toBe('good');
    world.kill();
    await world.start();
    expect(world.attentions()).toEqual([]);
  });

  it('that is damaged keeps the device from being opened', async () => {
    await holding(world);
    world.kill();
    world.journal.text = world.journal.text?.replace('"0x1"', '"0x7"');
    const opened = DeviceReservations.open({
      guest,
      source: world.source,
      gate: world.gate,
      journal: world.journal,
      timeoutMs: 5_000,
      depth: 8,
      clock: world.clock,
      log: () => undefined,
      onFault: () => undefined,
      onStoreFailure: () => undefined,
    });
    await expect(opened).rejects.toThrow('checksum');
  });
});
