import { beforeEach, expect, it } from 'vitest';
import { EmulatedReservations } from '../../../src/emulated/emulated-reservations.js';
import { decodeStateFile, encodeStateFile } from '../../../src/emulated/state-file-format.js';
import type { ReservationCommand } from '../../../src/pr/command.js';
import type { Nexus } from '../../../src/pr/nexus.js';
import { registrationsPreempted, reservationsReleased } from '../../../src/pr/sense.js';
import { preempt, readKeys, register, release6, reserve, reserve6 } from './support/commands.js';
import { MemoryStore } from './support/memory-store.js';
import { textOf } from './support/outcome-text.js';
import { RecordingFence } from './support/recording-fence.js';
import { a, b } from './support/reservations.js';

const registrantsOnly = 'write-exclusive-registrants-only';

/** One of the two processes that a guest moves between. */
class Side {
  readonly fence = new RecordingFence();
  #disk: EmulatedReservations | undefined;

  get disk(): EmulatedReservations {
    if (this.#disk === undefined) throw new Error('not opened');
    return this.#disk;
  }

  async open(store: MemoryStore, elsewhere: boolean, needsHandover = false): Promise<this> {
    this.#disk = await EmulatedReservations.open({
      ...{ store, fence: this.fence, elsewhere, needsHandover, timeoutMs: 60_000, depth: 8 },
      onFault: (error) => {
        throw error;
      },
      onStoreFailure: (error) => {
        throw error;
      },
    });
    for (const nexus of [a, b]) this.disk.attach(nexus);
    return this;
  }

  async run(nexus: Nexus, command: ReservationCommand): Promise<string> {
    return textOf(await this.disk.execute(nexus, command));
  }

  async keys(): Promise<bigint[]> {
    const outcome = await this.disk.execute(a, readKeys);
    if (outcome.status !== 'good' || outcome.data?.action !== 'read-keys') return [];
    return [...outcome.data.keys];
  }
}

let store: MemoryStore;
let source: Side;
let destination: Side;

beforeEach(async () => {
  store = new MemoryStore();
  source = await new Side().open(store, false);
  destination = await new Side().open(store, true);
});

async function move(from: Side, to: Side): Promise<void> {
  await from.disk.handOver();
  // What lies between is a file.
  if (store.saved !== undefined) store.saved = decodeStateFile(encodeStateFile(store.saved));
  await to.disk.takeOver();
}

it('registrations without APTPL, and the reservation, are held after it as before', async () => {
  await source.run(a, register(0n, 1n));
  await source.run(b, register(0n, 2n));
  await source.run(a, reserve(1n, registrantsOnly));
  await move(source, destination);
  expect(await destination.keys()).toEqual([1n, 2n]);
  expect(await destination.run(a, preempt(1n, 2n, registrantsOnly))).toBe('good');
  expect(destination.fence.text(b.id)).toBe('r!');
});

it('fences are in their position before the guest runs', async () => {
  await source.run(a, register(0n, 1n));
  await source.run(a, reserve(1n, registrantsOnly));
  expect(destination.fence.text(b.id)).toBe('rw');
  await move(source, destination);
  expect(destination.fence.text(b.id)).toBe('r');
});

it('a guest that was not told of its fencing yet is told afterwards', async () => {
  await source.run(a, register(0n, 1n));
  await source.run(b, register(0n, 2n));
  await source.run(a, reserve(1n, registrantsOnly));
  await source.run(a, preempt(1n, 2n, registrantsOnly));
  // To a guest that migrates this process's start is no power on.
  destination.disk.unitAttentions(b).establish(reservationsReleased);
  await move(source, destination);
  const attentions = destination.disk.unitAttentions(b);
  expect(attentions.take()).toEqual(registrationsPreempted);
  expect(attentions.pending).toBe(false);
  expect(destination.fence.text(b.id)).toBe('r');
});

it('RESERVE(6) moves along', async () => {
  expect(await source.run(a, reserve6)).toBe('good');
  await move(source, destination);
  expect(await destination.run(b, reserve6)).toBe('conflict');
  expect(await destination.run(a, release6)).toBe('good');
});

it('who does not have them answers BUSY, and shows nothing', async () => {
  expect(await destination.run(a, readKeys)).toBe('busy');
  await source.disk.handOver();
  expect(await source.run(a, readKeys)).toBe('busy');
  expect(await source.run(a, register(0n, 1n))).toBe('busy');
});

it('the source has them again where migration is cancelled', async () => {
  await source.run(a, register(0n, 1n));
  await move(source, source);
  expect(await source.keys()).toEqual([1n]);
});

it('without APTPL nothing outlives the process that took it over', async () => {
  await source.run(a, register(0n, 1n));
  await move(source, destination);
  const restarted = await new Side().open(store, false);
  expect(await restarted.keys()).toEqual([]);
});

it('a power cycle between the two is one', async () => {
  await source.run(a, register(0n, 1n));
  await source.disk.handOver();
  const restarted = await new Side().open(store, false);
  expect(await restarted.keys()).toEqual([]);
});

it('where the lock proves nothing only what was handed over is taken', async () => {
  const careful = await new Side().open(store, true, true);
  await source.run(a, register(0n, 1n, { aptpl: true }));
  await expect(careful.disk.takeOver()).rejects.toThrow('have not been handed over');
  expect(await careful.run(a, readKeys)).toBe('busy');
  await move(source, careful);
  expect(await careful.keys()).toEqual([1n]);
});

it('a state that can not be written is not handed over', async () => {
  await source.run(a, register(0n, 1n));
  store.beforeSave = () => Promise.reject(new Error('no space'));
  await expect(source.disk.handOver()).rejects.toThrow('no space');
  expect(await source.keys()).toEqual([1n]);
});
