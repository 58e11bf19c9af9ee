/** A guest's commands while all paths work. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  clear,
  preempt,
  preemptAndAbort,
  readKeys,
  readReservation,
  register,
  registerAndIgnore,
  release,
  reserve,
} from '../emulated/support/commands.js';
import { allRegistrants, registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('REGISTER', () => {
  it('registers every path', async () => {
    expect(await world.run(register(0n, 1n, { aptpl: true }))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(world.gate.isOpen).toBe(true);
    expect(world.attentions()).toEqual([]);
  });

  it('changes the key of every path', async () => {
    await world.registered();
    expect(await world.run(register(1n, 2n))).toBe('good');
    expect(world.array.text).toBe('a 0x2 b 0x2');
  });

  it('with a wrong key conflicts and changes nothing', async () => {
    await world.registered();
    expect(await world.run(register(9n, 2n))).toBe('conflict');
    expect(await world.run(register(0n, 2n))).toBe('conflict');
    expect(world.array.text).toBe('a 0x1 b 0x1');
  });

  it('with key 0 unregisters every path', async () => {
    await world.registered();
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('');
    expect(await world.run(register(0n, 3n))).toBe('good');
    expect(world.array.text).toBe('a 0x3 b 0x3');
  });

  it('takes every path, also where another host has the key', async () => {
    world.other(register(0n, 1n));
    await world.registered();
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x1');
    expect(await world.fullStatus()).toBe('f 0x1 guest 0x1');
  });

  it('with the same key again is repeated on every path', async () => {
    await world.registered();
    world.array.log.length = 0;
    expect(await world.run(register(1n, 1n))).toBe('good');
    expect(world.array.log.toSorted()).toEqual(['a register good', 'b register good']);
  });
});

describe('REGISTER AND IGNORE EXISTING KEY', () => {
  it('is sent as REGISTER with the key that the path has', async () => {
    expect(await world.run(registerAndIgnore(1n))).toBe('good');
    expect(await world.run(registerAndIgnore(2n))).toBe('good');
    expect(world.array.text).toBe('a 0x2 b 0x2');
    expect(world.array.log.some((line) => line.includes('ignore'))).toBe(false);
  });

  it('with key 0 unregisters', async () => {
    await world.registered();
    expect(await world.run(registerAndIgnore(0n))).toBe('good');
    expect(await world.run(registerAndIgnore(0n))).toBe('good');
    expect(world.array.text).toBe('');
  });

  it('finds out what a path has of which nothing is known', async () => {
    for (const name of ['a', 'b']) {
      world.other(register(0n, 7n), world.path(name).nexus);
    }
    expect(await world.run(register(0n, 1n))).toBe('conflict');
    expect(await world.run(registerAndIgnore(1n))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1');
  });
});

describe('RESERVE and RELEASE', () => {
  beforeEach(() => world.registered());

  it('act on one path for all', async () => {
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(world.array.text).toBe('a 0x1* b 0x1');
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1');
  });

  it('repeated is GOOD, with another type a conflict', async () => {
    await world.run(reserve(1n, registrantsOnly));
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(await world.run(reserve(1n, 'exclusive-access-registrants-only'))).toBe('conflict');
  });

  it('release with the wrong type is refused as by the device', async () => {
    await world.run(reserve(1n, registrantsOnly));
    expect(await world.run(release(1n, allRegistrants))).toBe('5/26/04');
    expect(world.array.text).toBe('a 0x1* b 0x1');
  });

  it('release nothing of another host', async () => {
    world.other(register(0n, 2n));
    world.other(reserve(2n, registrantsOnly));
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x2*');
  });

  it('conflict with the reservation of another host', async () => {
    world.other(register(0n, 2n));
    world.other(reserve(2n, registrantsOnly));
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('conflict');
  });

  it('work with the all-registrants types', async () => {
    expect(await world.run(reserve(1n, allRegistrants))).toBe('good');
    expect(await world.run(reserve(1n, allRegistrants))).toBe('good');
    expect(world.array.text).toBe('a 0x1* b 0x1*');
    expect(await world.run(release(1n, allRegistrants))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1');
  });

  it('conflict for a guest that is not registered', async () => {
    await world.run(register(1n, 0n));
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('conflict');
    expect(await world.run(release(1n, registrantsOnly))).toBe('conflict');
    expect(await world.run(clear(1n))).toBe('conflict');
    expect(await world.run(preempt(1n, 2n, registrantsOnly))).toBe('conflict');
  });
});

describe('unregistering while holding', () => {
  it('ends the reservation first, and tells other hosts once', async () => {
    await world.registered();
    await world.run(reserve(1n, registrantsOnly));
    world.other(register(0n, 2n));
    world.array.log.length = 0;
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('f 0x2');
    expect(world.array.log).toEqual(['a register good', 'b register good']);
  });
});

describe('PREEMPT', () => {
  beforeEach(async () => {
    await world.registered();
    world.other(register(0n, 2n));
    world.other(reserve(2n, registrantsOnly));
  });

  it.each([
    ['PREEMPT', preempt(1n, 2n, registrantsOnly)],
    ['PREEMPT AND ABORT', preemptAndAbort(1n, 2n, registrantsOnly)],
  ])('%s takes the reservation over, by one path only', async (_, command) => {
    world.array.log.length = 0;
    expect(await world.run(command)).toBe('good');
    expect(world.array.text).toBe('a 0x1* b 0x1');
    expect(world.array.log).toHaveLength(1);
    expect(world.attentions()).toEqual([]);
  });

  it('of a key that nobody has conflicts, tried once', async () => {
    world.array.log.length = 0;
    expect(await world.run(preempt(1n, 9n, registrantsOnly))).toBe('conflict');
    expect(world.array.log).toEqual(['a preempt reservation-conflict']);
  });

  it('of oneself while holding keeps all paths, quiesced', async () => {
    await world.run(preempt(1n, 2n, registrantsOnly));
    world.gate.log.length = 0;
    expect(await world.run(preempt(1n, 1n, 'exclusive-access-registrants-only'))).toBe('good');
    expect(world.array.text).toBe('a 0x1* b 0x1');
    expect(world.array.state.reservation?.type).toBe('exclusive-access-registrants-only');
    expect(world.gate.log).toEqual(['close', 'drain', 'open']);
  });

  it('of oneself without holding unregisters, as the device says', async () => {
    expect(await world.run(preempt(1n, 1n, registrantsOnly))).toBe('good');
    expect(world.array.text).toBe('f 0x2*');
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('conflict');
  });

  it('of all registrants keeps all own paths', async () => {
    await world.run(preempt(1n, 2n, allRegistrants));
    world.other(register(0n, 2n));
    expect(await world.run(preempt(1n, 0n, registrantsOnly))).toBe('good');
    expect(world.array.text).toBe('a 0x1* b 0x1');
    expect(world.gate.isOpen).toBe(true);
  });
});

describe('CLEAR', () => {
  it('is executed by one path, and ends the registration', async () => {
    await world.registered();
    world.other(register(0n, 2n));
    expect(await world.run(clear(1n))).toBe('good');
    expect(world.array.text).toBe('');
    expect(world.attentions()).toEqual([]);
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('conflict');
  });
});

describe('PERSISTENT RESERVE IN', () => {
  beforeEach(async () => {
    await world.registered();
    world.other(register(0n, 2n));
    await world.run(reserve(1n, registrantsOnly));
  });

  it('shows the own paths as one registrant', async () => {
    expect(await world.keys()).toEqual([1n, 2n]);
    expect(await world.fullStatus()).toBe('guest 0x1* f 0x2');
  });

  it('folds by nexus, not by key: another host may have the same', async () => {
    world.other(register(2n, 1n));
    expect(await world.keys()).toEqual([1n, 1n]);
    expect(await world.fullStatus()).toBe('guest 0x1* f 0x1');
  });

  it('passes generation and reservation through', async () => {
    const outcome = await world.outcome(readReservation);
    expect(outcome).toMatchObject({
      data: {
        generation: world.array.state.generation,
        reservation: { key: 1n, type: registrantsOnly },
      },
    });
    expect(await world.outcome(readKeys)).toMatchObject({
      data: { generation: world.array.state.generation },
    });
  });
});
