/** The guest's data while reservations change: epochs, conflicts, and data that passes elsewhere. */
import { beforeEach, describe, expect, it } from 'vitest';
import { preempt, register, release, reserve } from '../emulated/support/commands.js';
import { allRegistrants, holding, registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('rule 3: registration epochs', () => {
  it('closes and drains before the first REGISTER, and begins an epoch', async () => {
    world.gate.log.length = 0;
    let isOpen = true;
    world.path('a').beforeOut = () => {
      isOpen = world.gate.isOpen;
    };
    await world.registered();
    expect(isOpen).toBe(false);
    expect(world.gate.log.slice(0, 3)).toEqual(['close', 'drain', 'epoch']);
    expect(world.gate.log.at(-1)).toBe('open');
  });

  it('is BUSY, and nothing is sent, while an older write is inside the kernel', async () => {
    world.gate.drains = false;
    expect(await world.run(register(0n, 1n))).toBe('busy');
    expect(world.array.log).toEqual([]);
    expect(world.gate.isOpen).toBe(true);
    world.gate.drains = true;
    expect(await world.run(register(0n, 1n))).toBe('good');
  });

  it('answers what met a conflict before the guest was fenced with the conflict', async () => {
    await holding(world);
    world.other(preempt(2n, 1n, registrantsOnly));
    world.gate.meetConflict();
    await world.quiet();
    expect(world.gate.verdicts).toEqual(['conflict']);
  });

  it('never sends again what passed in an earlier epoch', async () => {
    await holding(world);
    const before = world.gate.epoch;
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.keys();
    world.attentions();
    await world.registered();
    expect(world.gate.epoch).toBeGreaterThan(before);
  });
});

async function nextProcess(): Promise<void> {
  world.kill();
  await world.start();
  await world.pass(5_000);
}

describe('rule 3: epochs of the process that comes after a crash', () => {
  it('goes on in the one of a registration that stands', async () => {
    await holding(world);
    const before = world.gate.name;
    await nextProcess();
    expect(world.gate.name).toBe(before);
  });

  it('begins another where the guest was fenced meanwhile', async () => {
    await holding(world);
    const before = world.gate.name;
    world.other(preempt(2n, 1n, registrantsOnly));
    await nextProcess();
    expect(world.gate.name).not.toBe(before);
  });

  it('knows the one of a registration in the middle of which the crash came', async () => {
    const before = world.gate.name;
    let during = before;
    let journal = world.journal.text;
    world.path('b').beforeOut = () => {
      during = world.gate.name;
      journal = world.journal.text;
    };
    await world.registered();
    expect(during).not.toBe(before);
    world.path('b').beforeOut = () => undefined;
    world.journal.text = journal;
    await nextProcess();
    expect(world.gate.name).toBe(during);
  });
});

describe('data that meets a conflict', () => {
  it('is sent again when a path has been repaired', async () => {
    await holding(world);
    world.other(register(1n, 0n), world.path('b').nexus);
    world.gate.meetConflict();
    expect(world.gate.isOpen).toBe(false);
    await world.quiet();
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
    expect(world.gate.verdicts).toEqual(['again']);
    expect(world.attentions()).toEqual([]);
  });

  it('is answered with it after three looks that found nothing wrong', async () => {
    await holding(world);
    for (let times = 0; times < 3; times++) {
      world.gate.meetConflict();
      await world.quiet();
    }
    expect(world.gate.verdicts).toEqual(['again', 'again', 'conflict']);
    expect(world.gate.isOpen).toBe(true);
  });

  it('waits while no path answers', async () => {
    await holding(world);
    for (const name of ['a', 'b']) world.path(name).condition = 'down';
    world.gate.meetConflict();
    await world.pass(5_000);
    expect(world.gate.verdicts).toEqual([]);
    for (const name of ['a', 'b']) world.path(name).condition = 'works';
    await world.pass(2_000);
    expect(world.gate.verdicts).toEqual(['again']);
  });
});

describe('rule 17: a guest that is known not to be registered', () => {
  it('has its conflicts without a look', async () => {
    world.other(register(0n, 2n));
    world.other(reserve(2n, registrantsOnly));
    const looks = world.scheduler.history.length;
    world.gate.meetConflict();
    await world.quiet();
    expect(world.gate.verdicts).toEqual(['conflict']);
    expect(world.scheduler.history).toHaveLength(looks);
    await world.registered();
    expect(world.gate.conflicts).toBe('judge');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.gate.conflicts).toBe('answer');
  });
});

describe('rule 20: data that passes no gate of ours', () => {
  beforeEach(async () => {
    await holding(world);
    world.gate.holdsAll = false;
  });

  it.each([
    ['PREEMPT of oneself', preempt(1n, 1n, registrantsOnly)],
    ['PREEMPT of all', preempt(1n, 0n, registrantsOnly)],
  ])('%s drops sibling keys: 5/24/00', async (name, command) => {
    if (name === 'PREEMPT of all') {
      await world.run(release(1n, registrantsOnly));
      await world.run(reserve(1n, allRegistrants));
    }
    const before = world.array.text;
    expect(await world.run(command)).toBe('5/24/00');
    expect(world.array.text).toBe(before);
  });

  it('no path is registered again beside it', async () => {
    world.other(register(1n, 0n), world.path('b').nexus);
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1* f 0x2');
  });

  it('every path is registered when the guest registers, also for the first time', async () => {
    const fresh = await World.open();
    fresh.gate.holdsAll = false;
    fresh.gate.drains = false;
    expect(await fresh.run(register(0n, 1n))).toBe('good');
    expect(fresh.array.text).toBe('a 0x1 b 0x1');
  });

  it('registers and reserves all the same', async () => {
    await world.run(register(1n, 0n));
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(world.array.text).toBe('a 0x3* b 0x3 f 0x2');
  });
});
