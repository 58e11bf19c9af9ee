/** Fencing rule 22: a guest goes on at another host. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { JournalEntry } from '../../../src/fan-out/journal.js';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { clear, preempt, register, release, reserve } from '../emulated/support/commands.js';
import { explore } from './support/explore.js';
import {
  allRegistrants,
  holding,
  holdingAsAll,
  registered,
  registrantsOnly,
  type SetUp,
} from './support/situations.js';
import { foreign, World } from './support/world.js';

let source: World;

beforeEach(async () => {
  source = await World.open();
});

const paths = ['c', 'd'];

/** The host that the guest goes to. */
async function arrive(left: JournalEntry, names = paths): Promise<World> {
  const destination = new World({ paths: names, beside: source });
  await destination.start(left);
  return destination;
}

async function move(setUp: SetUp): Promise<World> {
  await setUp(source);
  return arrive(await source.leave());
}

describe('a guest that goes on at another host', () => {
  it('is registered there beside the nexuses that it had', async () => {
    const destination = await move(registered);
    expect(source.array.text).toBe('a 0x1 b 0x1 c 0x1 d 0x1 f 0x2');
    expect(destination.gate.isOpen).toBe(true);
    expect(destination.attentions()).toEqual([]);
    expect(await destination.fullStatus()).toBe('guest 0x1 f 0x2');
    expect(await destination.run(reserve(1n, registrantsOnly))).toBe('good');
  });

  it('holds there what it held, and the host before has nothing any more', async () => {
    const destination = await move(holding);
    expect(source.array.text).toMatch(/^(c 0x1\* d 0x1|c 0x1 d 0x1\*) f 0x2$/);
    expect(destination.gate.isOpen).toBe(true);
    expect(await destination.run(release(1n, registrantsOnly))).toBe('good');
    expect(source.array.state.reservation).toBeUndefined();
  });

  it('holds with all other registrants, as before', async () => {
    const destination = await move(holdingAsAll);
    expect(source.array.text).toBe('a 0x1* b 0x1* c 0x1* d 0x1* f 0x2*');
    expect(await destination.run(release(1n, allRegistrants))).toBe('good');
  });

  it('takes the registrations of the host before along when it ends or changes its own', async () => {
    const destination = await move(registered);
    expect(await destination.run(register(1n, 3n))).toBe('good');
    expect(source.array.text).toBe('c 0x3 d 0x3 f 0x2');
    const third = await arrive(await destination.leave(), ['x', 'y']);
    expect(await third.run(register(3n, 0n))).toBe('good');
    expect(source.array.text).toBe('f 0x2');
  });

  it('goes on unregistered if it never was registered', async () => {
    const destination = await arrive(await source.leave());
    expect(destination.array.text).toBe('');
    expect(destination.gate.isOpen).toBe(true);
    expect(await destination.run(register(0n, 1n))).toBe('good');
  });

  it('is not revived if it was fenced on the way, and is told', async () => {
    await holding(source);
    const left = await source.leave();
    source.other(preempt(2n, 1n, registrantsOnly));
    const destination = await arrive(left);
    expect(source.array.text).toBe('f 0x2*');
    expect(destination.attentions()).toEqual(['6/2a/05']);
    expect(destination.gate.isOpen).toBe(true);
    expect(await destination.run(reserve(1n, registrantsOnly))).toBe('conflict');
  });

  it('hears there what it had not heard', async () => {
    await holding(source);
    source.other(clear(2n));
    await source.noticePaths();
    const destination = await arrive(await source.leave());
    expect(destination.attentions()).toEqual(['6/2a/03']);
  });

  it('is registered there even if that host crashes at once', async () => {
    await registered(source);
    const left = await source.leave();
    const destination = await arrive(left);
    destination.kill();
    await destination.start();
    expect(await destination.run(reserve(1n, registrantsOnly))).toBe('good');
  });
});

describe('the host that it has left', () => {
  it('neither repairs nor answers for it, and forgets what it meant to register', async () => {
    await registered(source);
    await source.leave();
    expect((await source.journal.load())?.intent).toBeUndefined();
    source.other(register(1n, 0n), source.path('b').nexus);
    await source.fail('b');
    await source.heal('b');
    await source.pass(10_000);
    expect(source.array.text).toBe('a 0x1 f 0x2');
  });

  it.each([
    ['registered', registered, 'a 0x1 b 0x1 f 0x2'],
    ['holding', holding, 'a 0x1* b 0x1 f 0x2'],
  ] as const)('goes on as if nothing had been if it comes back, %s', async (_, setUp, text) => {
    await setUp(source);
    const left = await source.leave();
    const sent = source.array.log.length;
    await source.start(left);
    expect(source.array.text).toBe(text);
    expect(source.array.log.slice(sent).filter((line) => line.includes('register'))).toEqual([]);
    expect(source.gate.isOpen).toBe(true);
    expect(await source.run(reserve(1n, registrantsOnly))).toBe('good');
  });

  it.each([
    ['registered', registered, /^a 0x1 b 0x1 c 0x1 d 0x1 f 0x2$/],
    ['holding', holding, /^(a 0x1\* b 0x1|a 0x1 b 0x1\*) f 0x2$/],
  ] as const)('takes back what the other had already, %s', async (_, setUp, text) => {
    const destination = await move(setUp);
    await source.start(await destination.leave());
    expect(source.array.text).toMatch(text);
    expect(source.gate.isOpen).toBe(true);
    expect(await source.run(reserve(1n, registrantsOnly))).toBe('good');
  });

  it('lets it go only when all that was sent is settled', async () => {
    await registered(source);
    const a = source.path('a');
    a.beforeOut = () => {
      a.condition = 'hangs';
    };
    expect(await source.run(reserve(1n, registrantsOnly))).toBe('b/08/01');
    await expect(source.leave()).rejects.toThrow('not settled');
    expect((await source.journal.load())?.intent?.key).toBe(1n);
    a.beforeOut = () => undefined;
    await source.heal('a');
    await source.pass(20_000);
    await expect(source.leave()).resolves.toMatchObject({ intent: { key: 1n } });
  });

  it('keeps it where nothing can be recorded', async () => {
    await registered(source);
    source.journal.beforeSave = () => Promise.reject(new Error('no space'));
    await expect(source.leave()).rejects.toThrow('no space');
    source.journal.beforeSave = () => Promise.resolve();
    expect(await source.run(reserve(1n, registrantsOnly))).toBe('good');
  });
});

describe.each<[string, PrOutCommand]>([
  ['PREEMPT of its key', preempt(2n, 1n, registrantsOnly)],
  ['CLEAR', clear(2n)],
])('%s by a third host at any moment of it', (_, attack) => {
  it.each<[string, SetUp]>([
    ['registered', registered],
    ['holding', holding],
    ['holding as one of all', holdingAsAll],
  ])('leaves no registration of the guest, and no write: %s', async (_, setUp) => {
    const runs = await explore(async (choose) => {
      const from = await World.open();
      await setUp(from);
      const left = await from.leave();
      const destination = new World({ paths, beside: from });
      const violations: string[] = [];
      let isFenced = false;
      const check = (event: string) => {
        const { array, gate } = destination;
        const ownKeys = destination.paths.map(({ nexus }) => array.keyOf(nexus));
        if (isFenced && gate.isOpen && ownKeys.includes(1n)) violations.push(event);
      };
      from.array.onExecuted = (nexus, { action }, outcome) => {
        isFenced ||= nexus.id === foreign.id && outcome.status === 'good';
        check(`${nexus.id} ${action}`);
      };
      const open = destination.gate.open.bind(destination.gate);
      destination.gate.open = () => {
        open();
        check('open');
      };
      from.scheduler.add('attack', () => from.other(attack));
      destination.choose = choose;
      await destination.start(left);
      await destination.quiet();
      destination.choose = () => 0;
      await destination.pass(20_000);
      const story = from.scheduler.history.filter((name) => !name.includes('read')).join(', ');
      expect(violations, story).toEqual([]);
      expect(isFenced, story).toBe(true);
      expect(from.array.text, story).not.toContain('0x1');
      expect(destination.gate.isOpen, story).toBe(true);
      expect(destination.faults, story).toEqual([]);
      destination.kill();
    });
    expect(runs).toBeGreaterThan(3);
  });
});
