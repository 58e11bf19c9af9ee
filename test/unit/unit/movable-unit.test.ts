/** A logical unit's reservations, which come and go with their guest. */
import { expect, it } from 'vitest';
import { emptyEntry, type JournalEntry } from '../../../src/fan-out/journal.js';
import { good } from '../../../src/pr/outcome.js';
import { reservationsPreempted, registrationsPreempted } from '../../../src/pr/sense.js';
import type { HostUnit } from '../../../src/unit/host-unit.js';
import { decodeDeparture, encodeDeparture } from '../../../src/unit/departure.js';
import { Deferred } from '../../../src/util/deferred.js';
import { MovableUnit } from '../../../src/unit/movable-unit.js';
import { readKeys } from '../emulated/support/commands.js';
import { nexusNamed } from '../emulated/support/reservations.js';

const guest = nexusNamed('guest');
const never = new AbortController().signal;

/** The processes that a guest is in, and what becomes of their units. */
class Host {
  /** Each with what it began with. */
  readonly opened: (JournalEntry | undefined)[] = [];
  readonly troubles: unknown[] = [];
  open = 0;
  refuses = false;
  leaves: () => Promise<JournalEntry> = () => Promise.resolve(emptyEntry);

  readonly options = {
    open: (_: unknown, left?: JournalEntry): Promise<HostUnit> => {
      if (this.refuses) return Promise.reject(new Error('no path'));
      this.opened.push(left);
      this.open += 1;
      const close = () => {
        this.open -= 1;
        return Promise.resolve();
      };
      const unit = {
        reservations: { execute: () => Promise.resolve(good) },
        leave: async () => {
          const left = await this.leaves();
          await close();
          return left;
        },
        close,
      };
      return Promise.resolve(unit as unknown as HostUnit);
    },
    onAttention: () => undefined,
    onTrouble: (error: unknown) => this.troubles.push(error),
  };
}

const entry = (key: bigint): JournalEntry => ({
  ...emptyEntry,
  intent: {
    key,
    otherKey: undefined,
    aptpl: false,
    type: undefined,
    holderPath: undefined,
    epoch: 1,
  },
});

it('is BUSY and has nothing open while the guest is elsewhere', async () => {
  const host = new Host();
  const unit = MovableUnit.elsewhere(host.options);
  expect(await unit.execute(guest, readKeys)).toEqual({ status: 'busy' });
  expect(host.opened).toEqual([]);
});

it('waits for what the process before has left, and goes on with it', async () => {
  const [source, destination] = [new Host(), new Host()];
  source.leaves = () => Promise.resolve(entry(1n));
  const here = await MovableUnit.here(source.options);
  here.unitAttentions().establish(registrationsPreempted);
  const there = MovableUnit.elsewhere(destination.options);
  there.unitAttentions().establish(reservationsPreempted);
  const running = there.goOn(never);
  there.expect();
  const text = await here.leave();
  expect([source.open, destination.open]).toEqual([0, 0]);
  expect(await here.left).toBe(text);
  there.deliver(text);
  expect(await running).toBe(true);
  expect(destination.opened).toEqual([entry(1n)]);
  expect(there.unitAttentions().conditions).toEqual([registrationsPreempted]);
  expect(await there.execute(guest, readKeys)).toEqual(good);
});

it('goes on with what it left itself, unless something else was announced', async () => {
  const host = new Host();
  host.leaves = () => Promise.resolve(entry(1n));
  const unit = await MovableUnit.here(host.options);
  await unit.leave();
  await unit.goOn(never);
  expect(host.opened).toEqual([undefined, entry(1n)]);

  await unit.leave();
  unit.expect();
  const stop = new AbortController();
  const waiting = unit.goOn(stop.signal);
  stop.abort();
  expect(await waiting).toBe(false);
  expect(host.open).toBe(0);
  unit.deliver(encodeDeparture({ journal: entry(2n), attentions: [] }));
  unit.deliver(encodeDeparture({ journal: entry(3n), attentions: [] }));
  await unit.goOn(never);
  expect(host.opened.at(-1)).toEqual(entry(3n));
});

it('stays where it is if it can not leave', async () => {
  const host = new Host();
  const unit = await MovableUnit.here(host.options);
  host.leaves = () => Promise.reject(new Error('not settled'));
  await expect(unit.leave()).rejects.toThrow('not settled');
  expect(host.open).toBe(1);
  expect(await unit.execute(guest, readKeys)).toEqual(good);
});

it('is kept as soon as that can be, also where it is still leaving', async () => {
  const host = new Host();
  const unit = await MovableUnit.here(host.options);
  const gone = new Deferred<JournalEntry>();
  host.leaves = () => gone.promise;
  const left = unit.leave();
  host.refuses = true;
  const kept = unit.keep();
  gone.resolve(entry(1n));
  await left;
  await expect.poll(() => host.troubles.length).toBeGreaterThan(0);
  host.refuses = false;
  await kept;
  expect(host.opened).toEqual([undefined, entry(1n)]);
});

it.each([
  ['', 'is no JSON'],
  ['{}', 'is no departure'],
  ['{"journal":"","attentions":[]}', 'is no fan-out journal'],
  ['{"journal":"","attentions":[{"senseKey":999,"asc":0,"ascq":0}]}', 'is no departure'],
])('refuses what nobody has left: %s', (text, why) => {
  expect(() => {
    MovableUnit.elsewhere(new Host().options).deliver(text);
  }).toThrow(why);
});

it('leaves text that says all', () => {
  const departure = { journal: entry(7n), attentions: [registrationsPreempted] };
  expect(decodeDeparture(encodeDeparture(departure))).toEqual(departure);
});
