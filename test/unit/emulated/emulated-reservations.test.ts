import { beforeEach, describe, expect, it } from 'vitest';
import { EmulatedReservations } from '../../../src/emulated/emulated-reservations.js';
import type { PrOutCommand, ReservationCommand } from '../../../src/pr/command.js';
import type { Nexus } from '../../../src/pr/nexus.js';
import type { PrInData } from '../../../src/pr/outcome.js';
import { reservationsPreempted } from '../../../src/pr/sense.js';
import {
  clear,
  preempt,
  preemptAndAbort,
  readFullStatus,
  readKeys,
  readReservation,
  register,
  release,
  release6,
  reserve,
  reserve6,
} from './support/commands.js';
import { Gate } from './support/gate.js';
import { MemoryStore } from './support/memory-store.js';
import { senseText, textOf } from './support/outcome-text.js';
import { RecordingFence } from './support/recording-fence.js';
import { a, b, c, nodeOf } from './support/reservations.js';

const registrantsOnly = 'write-exclusive-registrants-only';

let store: MemoryStore;
let fence: RecordingFence;
let disk: EmulatedReservations;
let storeFailures: unknown[];
/** What the fence and the store were asked for, in order. */
let events: string[];

beforeEach(async () => {
  store = new MemoryStore();
  disk = await powerOn();
  for (const nexus of [a, b, c]) disk.attach(nexus);
});

/** Starts a process on what the store has; the last one is forgotten, as after kill -9. */
async function powerOn(): Promise<EmulatedReservations> {
  storeFailures = [];
  events = [];
  fence = new RecordingFence();
  fence.onSet = (nexusId) => events.push(`${nodeOf(nexusId)} may ${fence.text(nexusId)}`);
  fence.drain = (nexusId) => {
    events.push(`drain ${nodeOf(nexusId)}`);
    return Promise.resolve(true);
  };
  store.beforeSave = () => {
    events.push('save');
    return Promise.resolve();
  };
  return EmulatedReservations.open({
    store,
    fence,
    timeoutMs: 60_000,
    depth: 8,
    onFault: (error) => {
      throw error;
    },
    onStoreFailure: (error) => storeFailures.push(error),
  });
}

async function run(nexus: Nexus, command: ReservationCommand): Promise<string> {
  const outcome = await disk.execute(nexus, command);
  if (outcome.status === 'good') events.push('answer');
  return textOf(outcome);
}

/** a and b are registered with APTPL, b holds; nothing is recorded yet. */
async function setUp(): Promise<void> {
  await run(a, register(0n, 1n, { aptpl: true }));
  await run(b, register(0n, 2n, { aptpl: true }));
  await run(b, reserve(2n, registrantsOnly));
  events = [];
}

async function data(command: ReservationCommand): Promise<PrInData | undefined> {
  const outcome = await disk.execute(c, command);
  return outcome.status === 'good' ? outcome.data : undefined;
}

async function keys(): Promise<bigint[]> {
  const read = await data(readKeys);
  return read?.action === 'read-keys' ? read.keys : [];
}

async function generation(): Promise<number> {
  const read = await data(readKeys);
  return read?.action === 'read-keys' ? read.generation : -1;
}

describe('a command that takes access away', () => {
  beforeEach(setUp);

  it('closes the fence, drains, saves, tells the victim, answers: in this order', async () => {
    expect(await run(a, preempt(1n, 2n, registrantsOnly))).toBe('good');
    expect(events).toEqual(['b may r', 'drain b', 'save', 'b may r!', 'answer']);
  });

  it('shows nothing of it before it has drained', async () => {
    const draining = new Gate<boolean>();
    fence.drain = () => draining.passed;
    const preempted = run(a, preempt(1n, 2n, registrantsOnly));
    const read = keys();
    await draining.reached;
    expect(store.saved?.registrations.has(b.id)).toBe(true);
    expect(fence.text(b.id)).toBe('r');
    expect(disk.unitAttentions(b).pending).toBe(false);
    expect(await settled(read)).toBe(false);
    draining.open(true);
    expect(await preempted).toBe('good');
    expect(await read).toEqual([1n]);
  });

  it('shows nothing of it before it is durable', async () => {
    const saving = new Gate<undefined>();
    store.beforeSave = () => saving.passed;
    const preempted = run(a, preempt(1n, 2n, registrantsOnly));
    const read = keys();
    await saving.reached;
    expect(await settled(preempted)).toBe(false);
    expect(await settled(read)).toBe(false);
    expect(disk.unitAttentions(b).pending).toBe(false);
    saving.open(undefined);
    expect(await preempted).toBe('good');
    expect(await read).toEqual([1n]);
  });

  it('is rolled back and BUSY if draining takes too long', async () => {
    const before = await data(readFullStatus);
    const generationBefore = await generation();
    fence.drain = () => Promise.resolve(false);
    expect(await run(a, preemptAndAbort(1n, 2n, registrantsOnly))).toBe('busy');
    expect(fence.text(b.id)).toBe('rw');
    expect(events).not.toContain('save');
    expect(await data(readFullStatus)).toEqual(before);
    expect(await generation()).toBe(generationBefore);
    expect(disk.unitAttentions(b).pending).toBe(false);

    fence.drain = () => Promise.resolve(true);
    expect(await run(a, preemptAndAbort(1n, 2n, registrantsOnly))).toBe('good');
    expect(await keys()).toEqual([1n]);
  });

  it('leaves at least half of its time to make the state durable', async () => {
    const timeouts: number[] = [];
    fence.drain = (_, timeoutMs) => {
      timeouts.push(timeoutMs);
      return Promise.resolve(true);
    };
    await run(a, preempt(1n, 2n, registrantsOnly));
    expect(timeouts).toHaveLength(1);
    expect(timeouts[0]).toBeLessThanOrEqual(30_000);
    expect(timeouts[0]).toBeGreaterThan(0);
  });

  it('drains a nexus that takes access from itself', async () => {
    await run(a, register(1n, 0n, { aptpl: true }));
    expect(events).toEqual(['a may r', 'drain a', 'save', 'answer']);
  });

  it('drains nobody who keeps access', async () => {
    await run(b, preempt(2n, 2n, 'exclusive-access-registrants-only'));
    expect(events.filter((event) => event.startsWith('drain'))).toEqual(['drain c']);
  });

  it('drains whose commands PREEMPT AND ABORT aborts, access or not', async () => {
    await run(b, release(2n, registrantsOnly));
    events = [];
    await run(a, preemptAndAbort(1n, 2n, registrantsOnly));
    expect(events).toEqual(['drain b', 'save', 'b may rw!', 'answer']);
  });

  it('does not wait for a nexus that is gone', async () => {
    await disk.detach(b);
    expect(await run(a, preempt(1n, 2n, registrantsOnly))).toBe('good');
    expect(events).toEqual(['save', 'answer']);
  });

  it('holds for a nexus that attaches meanwhile', async () => {
    await disk.detach(c);
    const draining = new Gate<boolean>();
    fence.drain = () => draining.passed;
    const preempted = run(a, preempt(1n, 2n, 'exclusive-access'));
    await draining.reached;
    disk.attach(c);
    expect(fence.text(c.id)).toBe('');
    expect(disk.permits(c, 'reads')).toBe(false);
    draining.open(false);
    expect(await preempted).toBe('busy');
    expect(fence.text(c.id)).toBe('r');
  });
});

describe('a command that gives access', () => {
  beforeEach(setUp);

  it('opens the fence only when it is durable', async () => {
    expect(await run(b, release(2n, registrantsOnly))).toBe('good');
    expect(events).toEqual(['save', 'a may rw!', 'c may rw', 'answer']);
  });

  it('gives nothing before it is', async () => {
    const saving = new Gate<undefined>();
    store.beforeSave = () => saving.passed;
    const registered = run(c, register(0n, 3n, { aptpl: true }));
    await saving.reached;
    expect(fence.text(c.id)).toBe('r');
    expect(disk.permits(c, 'writes')).toBe(false);
    saving.open(undefined);
    await registered;
    expect(fence.text(c.id)).toBe('rw');
    expect(disk.permits(c, 'writes')).toBe(true);
  });
});

describe('a state that can not be saved', () => {
  beforeEach(setUp);

  it('is not taken: INTERNAL TARGET FAILURE, everything as before', async () => {
    const full = new Error('no space left on device');
    store.beforeSave = () => Promise.reject(full);
    expect(await run(a, preempt(1n, 2n, registrantsOnly))).toBe('4/44/00');
    expect(storeFailures).toEqual([full]);
    expect(fence.text(b.id)).toBe('rw');
    expect(await keys()).toEqual([1n, 2n]);
    expect(disk.unitAttentions(b).pending).toBe(false);
    store.beforeSave = () => Promise.resolve();
    expect(await run(a, preempt(1n, 2n, registrantsOnly))).toBe('good');
  });
});

describe('power off and on', () => {
  it('keeps everything that APTPL is set for', async () => {
    await setUp();
    const full = await data(readFullStatus);
    const reservation = await data(readReservation);
    disk = await powerOn();
    for (const nexus of [a, b, c]) disk.attach(nexus);
    expect([a, b, c].map(({ id }) => fence.text(id))).toEqual(['rw', 'rw', 'r']);
    expect(await data(readFullStatus)).toEqual(full);
    expect(await data(readReservation)).toEqual(reservation);
  });

  it('drops registrations and reservation without it, and counts on', async () => {
    await setUp();
    await run(a, register(1n, 1n));
    const before = await generation();
    disk = await powerOn();
    disk.attach(c);
    expect(fence.text(c.id)).toBe('rw');
    expect(await keys()).toEqual([]);
    expect(await generation()).toBe(before);
  });

  it('drops RESERVE(6)', async () => {
    await run(a, reserve6);
    disk = await powerOn();
    disk.attach(b);
    expect(fence.text(b.id)).toBe('rw');
  });
});

describe('saving', () => {
  it('is left out when nothing that outlives a power cycle changes', async () => {
    await run(a, register(0n, 1n));
    events = [];
    await run(a, reserve(1n, 'write-exclusive'));
    await run(a, reserve(1n, 'write-exclusive'));
    await run(a, release(1n, 'write-exclusive'));
    await run(b, clear(9n));
    await run(b, readKeys);
    expect(events).not.toContain('save');
  });

  it('is done for a reservation under APTPL', async () => {
    await run(a, register(0n, 1n, { aptpl: true }));
    events = [];
    await run(a, reserve(1n, 'write-exclusive'));
    expect(store.saved?.reservation).toEqual({ type: 'write-exclusive', holder: a.id });
  });
});

describe('unit attentions', () => {
  beforeEach(setUp);

  it('show at the fence until they are taken', async () => {
    await run(a, clear(1n));
    expect(fence.text(b.id)).toBe('rw!');
    expect(disk.unitAttentions(b).take()).toEqual(reservationsPreempted);
    expect(fence.text(b.id)).toBe('rw');
  });

  it('are lost on a nexus that is not attached, which starts anew with power on', async () => {
    await disk.detach(b);
    await run(a, clear(1n));
    disk.attach(b);
    expect(disk.unitAttentions(b).take()).toBeUndefined();
  });

  it('of every origin are in one queue', async () => {
    const parametersChanged = { senseKey: 0x6, asc: 0x2a, ascq: 0x01 };
    disk.unitAttentions(b).establish(parametersChanged);
    await run(a, preempt(1n, 2n, registrantsOnly));
    const taken = [disk.unitAttentions(b).take(), disk.unitAttentions(b).take()];
    expect(taken.map((sense) => sense && senseText(sense))).toEqual(['6/2a/01', '6/2a/05']);
  });
});

describe('RESERVE(6)', () => {
  beforeEach(async () => {
    await run(a, reserve6);
  });

  it('shuts others out once they have drained', () => {
    expect([a, b, c].map(({ id }) => fence.text(id))).toEqual(['rw', '', '']);
    expect(events).toContain('drain b');
    expect(disk.permits(b, 'reads')).toBe(false);
    expect(disk.permits(b, 'never-conflicts')).toBe(true);
    expect(disk.permits(b, 'reservation-command')).toBe(true);
  });

  it.each([
    ['RELEASE(6)', () => run(a, release6)],
    ['the loss of its nexus', () => disk.nexusLost(a)],
    ['the end of its attachment', () => disk.detach(a)],
    ['a reset of the logical unit', () => disk.logicalUnitReset()],
  ])('ends with %s', async (_, end) => {
    await end();
    expect(fence.text(b.id)).toBe('rw');
    expect(await run(b, reserve6)).toBe('good');
  });

  it('does not end with the loss of another nexus', async () => {
    await disk.nexusLost(b);
    expect(fence.text(b.id)).toBe('');
  });

  it('ends also if its nexus is lost before the command ran', async () => {
    await run(a, release6);
    const draining = new Gate<boolean>();
    fence.drain = () => draining.passed;
    const reserved = run(a, reserve6);
    await draining.reached;
    const lost = disk.nexusLost(a);
    draining.open(true);
    await Promise.all([reserved, lost]);
    expect(fence.text(b.id)).toBe('rw');
  });
});

describe('persistent reservations', () => {
  it('survive nexus loss and reset of the logical unit', async () => {
    await setUp();
    const before = await data(readFullStatus);
    await disk.nexusLost(b);
    await disk.logicalUnitReset();
    expect(await data(readFullStatus)).toEqual(before);
    expect(fence.text(c.id)).toBe('r');
  });
});

describe('a nexus', () => {
  it('has its fence set when it attaches', () => {
    expect(fence.text(a.id)).toBe('rw');
  });

  it('attaches once', async () => {
    expect(() => {
      disk.attach(a);
    }).toThrow(`${a.id} is attached already`);
    await disk.detach(a);
    disk.attach(a);
  });

  it('may send commands without being attached, as an administrator does', async () => {
    await disk.detach(a);
    expect(await run(a, register(0n, 1n))).toBe('good');
    expect(await keys()).toEqual([1n]);
  });
});

/** Whether a promise is settled once everything that can go on without us has. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('a command that the process before took and left', () => {
  const leftOver = (command: PrOutCommand) => {
    const outcome = disk.leftOver(a, command);
    return outcome && textOf(outcome);
  };

  it('was carried out if that shows, and is a new one if nothing has changed since', async () => {
    await disk.execute(a, register(0n, 1n, { aptpl: true }));
    disk = await powerOn();
    disk.attach(a);
    expect(leftOver(register(0n, 1n))).toBe('good');
    expect(leftOver(register(1n, 2n))).toBeUndefined();
  });

  it('brings nobody back whom others have fenced since', async () => {
    await disk.execute(a, register(0n, 1n, { aptpl: true }));
    await disk.execute(b, register(0n, 2n, { aptpl: true }));
    disk = await powerOn();
    for (const nexus of [a, b]) disk.attach(nexus);
    await disk.execute(b, preempt(2n, 1n, undefined));
    expect(leftOver(register(0n, 1n))).toBe('b/08/01');
  });
});
