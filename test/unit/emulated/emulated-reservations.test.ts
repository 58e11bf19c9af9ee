import { beforeEach, describe, expect, it } from 'vitest';
import type { PrOutCommand } from '../../../src/pr/command.js';
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
import { senseText, textOf } from './support/outcome-text.js';
import { RecordedDisk } from './support/recorded-disk.js';
import { a, b, c } from './support/reservations.js';

const registrantsOnly = 'write-exclusive-registrants-only';

let disk: RecordedDisk;

beforeEach(async () => {
  disk = await RecordedDisk.attached();
});

describe('a command that takes access away', () => {
  beforeEach(() => disk.setUp());

  it('closes the fence, drains, saves, tells the victim, answers: in this order', async () => {
    expect(await disk.run(a, preempt(1n, 2n, registrantsOnly))).toBe('good');
    expect(disk.events).toEqual(['b may r', 'drain b', 'save', 'b may r!', 'answer']);
  });

  it('shows nothing of it before it has drained', async () => {
    const draining = new Gate<boolean>();
    disk.fence.drain = () => draining.passed;
    const preempted = disk.run(a, preempt(1n, 2n, registrantsOnly));
    const read = disk.keys();
    await draining.reached;
    expect(disk.store.saved?.registrations.has(b.id)).toBe(true);
    expect(disk.fence.text(b.id)).toBe('r');
    expect(disk.reservations.unitAttentions(b).pending).toBe(false);
    expect(await settled(read)).toBe(false);
    draining.open(true);
    expect(await preempted).toBe('good');
    expect(await read).toEqual([1n]);
  });

  it('shows nothing of it before it is durable', async () => {
    const saving = new Gate<undefined>();
    disk.store.beforeSave = () => saving.passed;
    const preempted = disk.run(a, preempt(1n, 2n, registrantsOnly));
    const read = disk.keys();
    await saving.reached;
    expect(await settled(preempted)).toBe(false);
    expect(await settled(read)).toBe(false);
    expect(disk.reservations.unitAttentions(b).pending).toBe(false);
    saving.open(undefined);
    expect(await preempted).toBe('good');
    expect(await read).toEqual([1n]);
  });

  it('is rolled back and BUSY if draining takes too long', async () => {
    const before = await disk.data(readFullStatus);
    const generationBefore = await disk.generation();
    disk.fence.drain = () => Promise.resolve(false);
    expect(await disk.run(a, preemptAndAbort(1n, 2n, registrantsOnly))).toBe('busy');
    expect(disk.fence.text(b.id)).toBe('rw');
    expect(disk.events).not.toContain('save');
    expect(await disk.data(readFullStatus)).toEqual(before);
    expect(await disk.generation()).toBe(generationBefore);
    expect(disk.reservations.unitAttentions(b).pending).toBe(false);

    disk.fence.drain = () => Promise.resolve(true);
    expect(await disk.run(a, preemptAndAbort(1n, 2n, registrantsOnly))).toBe('good');
    expect(await disk.keys()).toEqual([1n]);
  });

  it('leaves at least half of its time to make the state durable', async () => {
    const timeouts: number[] = [];
    disk.fence.drain = (_, timeoutMs) => {
      timeouts.push(timeoutMs);
      return Promise.resolve(true);
    };
    await disk.run(a, preempt(1n, 2n, registrantsOnly));
    expect(timeouts).toHaveLength(1);
    expect(timeouts[0]).toBeLessThanOrEqual(30_000);
    expect(timeouts[0]).toBeGreaterThan(0);
  });

  it('drains a nexus that takes access from itself', async () => {
    await disk.run(a, register(1n, 0n, { aptpl: true }));
    expect(disk.events).toEqual(['a may r', 'drain a', 'save', 'answer']);
  });

  it('drains nobody who keeps access', async () => {
    await disk.run(b, preempt(2n, 2n, 'exclusive-access-registrants-only'));
    expect(disk.events.filter((event) => event.startsWith('drain'))).toEqual(['drain c']);
  });

  it('drains whose commands PREEMPT AND ABORT aborts, access or not', async () => {
    await disk.run(b, release(2n, registrantsOnly));
    disk.events = [];
    await disk.run(a, preemptAndAbort(1n, 2n, registrantsOnly));
    expect(disk.events).toEqual(['drain b', 'save', 'b may rw!', 'answer']);
  });

  it('does not wait for a nexus that is gone', async () => {
    await disk.reservations.detach(b);
    expect(await disk.run(a, preempt(1n, 2n, registrantsOnly))).toBe('good');
    expect(disk.events).toEqual(['save', 'answer']);
  });

  it('holds for a nexus that attaches meanwhile', async () => {
    await disk.reservations.detach(c);
    const draining = new Gate<boolean>();
    disk.fence.drain = () => draining.passed;
    const preempted = disk.run(a, preempt(1n, 2n, 'exclusive-access'));
    await draining.reached;
    disk.reservations.attach(c);
    expect(disk.fence.text(c.id)).toBe('');
    expect(disk.reservations.permits(c, 'reads')).toBe(false);
    draining.open(false);
    expect(await preempted).toBe('busy');
    expect(disk.fence.text(c.id)).toBe('r');
  });
});

describe('a command that gives access', () => {
  beforeEach(() => disk.setUp());

  it('opens the fence only when it is durable', async () => {
    expect(await disk.run(b, release(2n, registrantsOnly))).toBe('good');
    expect(disk.events).toEqual(['save', 'a may rw!', 'c may rw', 'answer']);
  });

  it('gives nothing before it is', async () => {
    const saving = new Gate<undefined>();
    disk.store.beforeSave = () => saving.passed;
    const registered = disk.run(c, register(0n, 3n, { aptpl: true }));
    await saving.reached;
    expect(disk.fence.text(c.id)).toBe('r');
    expect(disk.reservations.permits(c, 'writes')).toBe(false);
    saving.open(undefined);
    await registered;
    expect(disk.fence.text(c.id)).toBe('rw');
    expect(disk.reservations.permits(c, 'writes')).toBe(true);
  });
});

describe('a state that can not be saved', () => {
  beforeEach(() => disk.setUp());

  it('is not taken: INTERNAL TARGET FAILURE, everything as before', async () => {
    const full = new Error('no space left on device');
    disk.store.beforeSave = () => Promise.reject(full);
    expect(await disk.run(a, preempt(1n, 2n, registrantsOnly))).toBe('4/44/00');
    expect(disk.storeFailures).toEqual([full]);
    expect(disk.fence.text(b.id)).toBe('rw');
    expect(await disk.keys()).toEqual([1n, 2n]);
    expect(disk.reservations.unitAttentions(b).pending).toBe(false);
    disk.store.beforeSave = () => Promise.resolve();
    expect(await disk.run(a, preempt(1n, 2n, registrantsOnly))).toBe('good');
  });
});

describe('power off and on', () => {
  it('keeps everything that APTPL is set for', async () => {
    await disk.setUp();
    const full = await disk.data(readFullStatus);
    const reservation = await disk.data(readReservation);
    await disk.powerOn();
    for (const nexus of [a, b, c]) disk.reservations.attach(nexus);
    expect([a, b, c].map(({ id }) => disk.fence.text(id))).toEqual(['rw', 'rw', 'r']);
    expect(await disk.data(readFullStatus)).toEqual(full);
    expect(await disk.data(readReservation)).toEqual(reservation);
  });

  it('drops registrations and reservation without it, and counts on', async () => {
    await disk.setUp();
    await disk.run(a, register(1n, 1n));
    const before = await disk.generation();
    await disk.powerOn();
    disk.reservations.attach(c);
    expect(disk.fence.text(c.id)).toBe('rw');
    expect(await disk.keys()).toEqual([]);
    expect(await disk.generation()).toBe(before);
  });

  it('drops RESERVE(6)', async () => {
    await disk.run(a, reserve6);
    await disk.powerOn();
    disk.reservations.attach(b);
    expect(disk.fence.text(b.id)).toBe('rw');
  });
});

describe('saving', () => {
  it('is left out when nothing that outlives a power cycle changes', async () => {
    await disk.run(a, register(0n, 1n));
    disk.events = [];
    await disk.run(a, reserve(1n, 'write-exclusive'));
    await disk.run(a, reserve(1n, 'write-exclusive'));
    await disk.run(a, release(1n, 'write-exclusive'));
    await disk.run(b, clear(9n));
    await disk.run(b, readKeys);
    expect(disk.events).not.toContain('save');
  });

  it('is done for a reservation under APTPL', async () => {
    await disk.run(a, register(0n, 1n, { aptpl: true }));
    disk.events = [];
    await disk.run(a, reserve(1n, 'write-exclusive'));
    expect(disk.store.saved?.reservation).toEqual({ type: 'write-exclusive', holder: a.id });
  });
});

describe('unit attentions', () => {
  beforeEach(() => disk.setUp());

  it('show at the fence until they are taken', async () => {
    await disk.run(a, clear(1n));
    expect(disk.fence.text(b.id)).toBe('rw!');
    expect(disk.reservations.unitAttentions(b).take()).toEqual(reservationsPreempted);
    expect(disk.fence.text(b.id)).toBe('rw');
  });

  it('are lost on a nexus that is not attached, which starts anew with power on', async () => {
    await disk.reservations.detach(b);
    await disk.run(a, clear(1n));
    disk.reservations.attach(b);
    expect(disk.reservations.unitAttentions(b).take()).toBeUndefined();
  });

  it('of every origin are in one queue', async () => {
    const parametersChanged = { senseKey: 0x6, asc: 0x2a, ascq: 0x01 };
    disk.reservations.unitAttentions(b).establish(parametersChanged);
    await disk.run(a, preempt(1n, 2n, registrantsOnly));
    const taken = [
      disk.reservations.unitAttentions(b).take(),
      disk.reservations.unitAttentions(b).take(),
    ];
    expect(taken.map((sense) => sense && senseText(sense))).toEqual(['6/2a/01', '6/2a/05']);
  });
});

describe('RESERVE(6)', () => {
  beforeEach(async () => {
    await disk.run(a, reserve6);
  });

  it('shuts others out once they have drained', () => {
    expect([a, b, c].map(({ id }) => disk.fence.text(id))).toEqual(['rw', '', '']);
    expect(disk.events).toContain('drain b');
    expect(disk.reservations.permits(b, 'reads')).toBe(false);
    expect(disk.reservations.permits(b, 'never-conflicts')).toBe(true);
    expect(disk.reservations.permits(b, 'reservation-command')).toBe(true);
  });

  it.each([
    ['RELEASE(6)', () => disk.run(a, release6)],
    ['the loss of its nexus', () => disk.reservations.nexusLost(a)],
    ['the end of its attachment', () => disk.reservations.detach(a)],
    ['a reset of the logical unit', () => disk.reservations.logicalUnitReset()],
  ])('ends with %s', async (_, end) => {
    await end();
    expect(disk.fence.text(b.id)).toBe('rw');
    expect(await disk.run(b, reserve6)).toBe('good');
  });

  it('does not end with the loss of another nexus', async () => {
    await disk.reservations.nexusLost(b);
    expect(disk.fence.text(b.id)).toBe('');
  });

  it('ends also if its nexus is lost before the command ran', async () => {
    await disk.run(a, release6);
    const draining = new Gate<boolean>();
    disk.fence.drain = () => draining.passed;
    const reserved = disk.run(a, reserve6);
    await draining.reached;
    const lost = disk.reservations.nexusLost(a);
    draining.open(true);
    await Promise.all([reserved, lost]);
    expect(disk.fence.text(b.id)).toBe('rw');
  });
});

describe('persistent reservations', () => {
  it('survive nexus loss and reset of the logical unit', async () => {
    await disk.setUp();
    const before = await disk.data(readFullStatus);
    await disk.reservations.nexusLost(b);
    await disk.reservations.logicalUnitReset();
    expect(await disk.data(readFullStatus)).toEqual(before);
    expect(disk.fence.text(c.id)).toBe('r');
  });
});

describe('a nexus', () => {
  it('has its fence set when it attaches', () => {
    expect(disk.fence.text(a.id)).toBe('rw');
  });

  it('attaches once', async () => {
    expect(() => {
      disk.reservations.attach(a);
    }).toThrow(`${a.id} is attached already`);
    await disk.reservations.detach(a);
    disk.reservations.attach(a);
  });

  it('may send commands without being attached, as an administrator does', async () => {
    await disk.reservations.detach(a);
    expect(await disk.run(a, register(0n, 1n))).toBe('good');
    expect(await disk.keys()).toEqual([1n]);
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
    const outcome = disk.reservations.leftOver(a, command);
    return outcome && textOf(outcome);
  };

  it('was carried out if that shows, and is a new one if nothing has changed since', async () => {
    await disk.reservations.execute(a, register(0n, 1n, { aptpl: true }));
    await disk.powerOn();
    disk.reservations.attach(a);
    expect(leftOver(register(0n, 1n))).toBe('good');
    expect(leftOver(register(1n, 2n))).toBeUndefined();
  });

  it('brings nobody back whom others have fenced since', async () => {
    await disk.reservations.execute(a, register(0n, 1n, { aptpl: true }));
    await disk.reservations.execute(b, register(0n, 2n, { aptpl: true }));
    await disk.powerOn();
    for (const nexus of [a, b]) disk.reservations.attach(nexus);
    await disk.reservations.execute(b, preempt(2n, 1n, undefined));
    expect(leftOver(register(0n, 1n))).toBe('b/08/01');
  });
});
