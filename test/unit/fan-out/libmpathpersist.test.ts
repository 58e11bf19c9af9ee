/** What libmpathpersist got wrong and mended in 2025 and 2026, one scenario each. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  preempt,
  readFullStatus,
  register,
  registerAndIgnore,
  release,
  reportCapabilities,
  reserve,
} from '../emulated/support/commands.js';
import { nexusNamed } from '../emulated/support/reservations.js';
import { allRegistrants, holding, registrantsOnly } from './support/situations.js';
import { World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

describe('RELEASE', () => {
  it("does not free another node's reservation, though both have the same key", async () => {
    await world.registered();
    world.other(register(0n, 1n));
    world.other(reserve(1n, registrantsOnly));
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x1*');
  });

  it("is not worked around while another node has the holder's key", async () => {
    await holding(world);
    world.other(register(2n, 1n));
    await world.fail('a');
    expect(await world.run(release(1n, registrantsOnly))).toBe('busy');
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x1');
    await world.heal('a');
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x1');
  });

  it('tries the next path when one fails', async () => {
    await world.registered();
    world.path('a').condition = 'down';
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
    expect(world.array.log.at(-1)).toBe('b release good');
  });

  it('by a path that does not hold loses no key', async () => {
    await holding(world);
    await world.fail('a');
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
    expect(world.array.state.reservation).toBeUndefined();
    await world.heal('a');
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x2');
  });

  it('is not answered with GOOD when every path failed', async () => {
    await holding(world);
    for (const name of ['a', 'b']) world.path(name).condition = 'down';
    expect(await world.run(release(1n, registrantsOnly))).toBe('busy');
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
  });

  it('with the wrong type is refused, also while the holder is down', async () => {
    await holding(world);
    await world.fail('a');
    expect(await world.run(release(1n, allRegistrants))).toBe('5/26/04');
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
  });
});

describe('a change of the key while the holder is down', () => {
  it.each([
    ['REGISTER', register(1n, 3n)],
    ['REGISTER AND IGNORE', registerAndIgnore(3n)],
  ])('by %s moves the reservation, and leaves no old key', async (_, command) => {
    await holding(world);
    await world.fail('a');
    expect(await world.run(command)).toBe('good');
    expect(world.array.text).toBe('b 0x3* f 0x2');
    await world.heal('a');
    expect(world.array.text).toBe('a 0x3 b 0x3* f 0x2');
  });

  it('does not preempt a node with the same key', async () => {
    await holding(world);
    world.other(register(2n, 1n));
    await world.fail('a');
    expect(await world.run(register(1n, 3n))).toBe('busy');
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x1');
  });
});

describe('a path that comes back', () => {
  it('with a stale key gets the present one', async () => {
    await world.registered();
    world.source.list = world.source.list.slice(1);
    await world.noticePaths();
    expect(await world.run(register(1n, 3n))).toBe('good');
    world.other(register(0n, 8n), world.path('a').nexus);
    world.source.list = [world.path('a'), ...world.source.list];
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x3 b 0x3');
  });

  it('during a registration gets the key', async () => {
    await world.fail('a');
    let registers = 0;
    world.path('b').afterOut = () => {
      registers += 1;
      world.path('a').condition = 'works';
      world.path('a').state = 'up';
      world.source.dispatchEvent(new Event('change'));
    };
    expect(await world.run(register(0n, 1n))).toBe('good');
    await world.quiet();
    expect(registers).toBe(1);
    expect(world.array.text).toBe('a 0x1 b 0x1');
  });

  it('during a change of the key gets the new one', async () => {
    await world.registered();
    await world.fail('a');
    world.path('b').afterOut = () => {
      world.path('a').condition = 'works';
      world.path('a').state = 'up';
      world.source.dispatchEvent(new Event('change'));
    };
    expect(await world.run(register(1n, 3n))).toBe('good');
    await world.quiet();
    expect(world.array.text).toBe('a 0x3 b 0x3');
  });

  it('after the guest was preempted stays unregistered', async () => {
    await holding(world);
    await world.fail('a');
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.heal('a');
    expect(world.array.text).toBe('f 0x2*');
    expect(world.attentions()).toEqual(['6/2a/05']);
  });

  it('after the guest unregistered stays unregistered', async () => {
    await world.registered();
    await world.fail('a');
    expect(await world.run(register(1n, 0n))).toBe('good');
    await world.heal('a');
    expect(world.array.text).toBe('');
  });
});

describe('a stale key', () => {
  it('on one path is no conflict for the guest', async () => {
    await world.registered();
    world.other(register(1n, 8n), world.path('b').nexus);
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(world.array.text).toBe('a 0x3 b 0x3');
  });
});

describe('a registration that fails', () => {
  it('everywhere leaves the old key and its intent', async () => {
    await world.registered();
    for (const name of ['a', 'b']) world.path(name).condition = 'down';
    expect(await world.run(register(1n, 3n))).toBe('busy');
    for (const name of ['a', 'b']) await world.heal(name);
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(await world.run(register(1n, 4n))).toBe('good');
  });

  it('for want of resources is taken back to the key before, not to 0', async () => {
    await world.registered();
    // Host f fills the table, so the array refuses; the change needs no room and succeeds.
    const others = Array.from({ length: 126 }, (_, index) => nexusNamed(`n${index}`).transportId);
    world.other(register(0n, 2n, { specIPt: others.slice(0, 125) }));
    const c = world.addPath('c');
    await world.noticePaths();
    expect(world.array.keyOf(c.nexus)).toBe(0n);
    expect(await world.run(register(1n, 3n))).toBe('5/55/04');
    expect(world.array.keyOf(world.path('a').nexus)).toBe(1n);
    expect(world.array.keyOf(world.path('b').nexus)).toBe(1n);
  });

  it('of a path that dies meanwhile registers the others, and it when it is back', async () => {
    world.path('b').beforeOut = () => {
      world.path('b').condition = 'down';
    };
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('a 0x1');
    world.path('b').beforeOut = () => undefined;
    await world.heal('b');
    expect(world.array.text).toBe('a 0x1 b 0x1');
  });
});

describe('RESERVE repeated', () => {
  it('is GOOD through the other path, and while the holder is down', async () => {
    await holding(world);
    await world.fail('a');
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(await world.run(reserve(1n, allRegistrants))).toBe('conflict');
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
  });
});

describe('PREEMPT', () => {
  it.each([
    ['of oneself', 1n],
    ['of all registrants', 0n],
  ])('%s keeps the key on every path', async (_, key) => {
    await world.registered();
    world.other(register(0n, 2n));
    await world.run(reserve(1n, key === 0n ? allRegistrants : registrantsOnly));
    expect(await world.run(preempt(1n, key, registrantsOnly))).toBe('good');
    expect(world.array.text).toBe(key === 0n ? 'a 0x1* b 0x1' : 'a 0x1* b 0x1 f 0x2');
  });
});

describe('unregistering while holding', () => {
  it.each(['a', 'b'])('with path %s down leaves nothing', async (name) => {
    await holding(world);
    await world.fail(name);
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('f 0x2');
    await world.heal(name);
    expect(world.array.text).toBe('f 0x2');
  });
});

describe('PERSISTENT RESERVE IN', () => {
  it('names the types it carries', async () => {
    expect(await world.outcome(reportCapabilities)).toMatchObject({
      data: {
        capabilities: {
          specIPt: false,
          allTgPt: false,
          types: [
            registrantsOnly,
            'exclusive-access-registrants-only',
            allRegistrants,
            'exclusive-access-all-registrants',
          ],
        },
      },
    });
  });

  it('shows a full status of any length', async () => {
    await world.registered();
    const others = Array.from({ length: 100 }, (_, index) => nexusNamed(`n${index}`).transportId);
    world.other(register(0n, 2n, { specIPt: others }));
    const outcome = await world.outcome(readFullStatus);
    expect(outcome).toMatchObject({ status: 'good' });
    expect((await world.keys()).length).toBe(102);
  });
});
