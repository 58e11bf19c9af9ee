/**
 * What the fan-out itself adds to a PERSISTENT RESERVE command: from the command to its answer over
 * paths that answer at once, with a journal in memory. Prints a table; the figures are not judged.
 */
import { expect, it } from 'vitest';
import { median } from '../../src/bench/statistics.js';
import { DeviceReservations } from '../../src/fan-out/device-reservations.js';
import type { ReservationCommand } from '../../src/pr/command.js';
import type { Path, PathSource } from '../../src/pr/path.js';
import { noLimits, type PathIdentity, type PathOutcome } from '../../src/pr/transport.js';
import {
  preempt,
  readFullStatus,
  readKeys,
  register,
  release,
  reserve,
} from '../unit/emulated/support/commands.js';
import { nexusNamed } from '../unit/emulated/support/reservations.js';
import { MemoryJournal } from '../unit/fan-out/support/memory-journal.js';
import { SimulatedArray } from '../unit/fan-out/support/simulated-array.js';
import { SimulatedGate } from '../unit/fan-out/support/simulated-gate.js';

const warmUpRounds = 100;
const rounds = 1_000;
const pathCounts = [1, 2, 4, 8];
const registrantsOnly = 'write-exclusive-registrants-only';
const guest = nexusNamed('guest');
const foreign = nexusNamed('foreign');

/** In this order they end where they began. */
const commands: readonly (readonly [string, ReservationCommand])[] = [
  ['REGISTER', register(0n, 1n)],
  ['REGISTER, another key', register(1n, 3n)],
  ['RESERVE', reserve(3n, registrantsOnly)],
  ['PREEMPT', preempt(3n, 2n, registrantsOnly)],
  ['READ KEYS', readKeys],
  ['READ FULL STATUS', readFullStatus],
  ['RELEASE', release(3n, registrantsOnly)],
  ['REGISTER, no key', register(3n, 0n)],
];

class InstantSource extends EventTarget implements PathSource {
  readonly name = 'instant';
  readonly #paths: readonly Path[];

  constructor(array: SimulatedArray, count: number) {
    super();
    this.#paths = Array.from({ length: count }, (_, index) => instantPath(array, `p${index}`));
  }

  paths(): readonly Path[] {
    return this.#paths;
  }
}

function instantPath(array: SimulatedArray, id: string): Path {
  const nexus = nexusNamed(id);
  const answered = (outcome: ReturnType<SimulatedArray['probe']>): Promise<PathOutcome> =>
    Promise.resolve({ kind: 'answered', outcome });
  const transport = {
    name: id,
    limits: noLimits,
    execute: (command: Parameters<SimulatedArray['execute']>[1]) =>
      answered(array.execute(nexus, command)),
    probe: () => answered(array.probe(nexus)),
    identify: (): Promise<PathIdentity> => Promise.resolve('same'),
    close: () => Promise.resolve(),
  };
  return { id, name: id, state: 'up', group: 0, transport };
}

/** Microseconds that each command took, in the order of `commands`. */
async function measure(pathCount: number): Promise<number[][]> {
  const array = new SimulatedArray();
  array.swallowsAttentions = true;
  const gate = new SimulatedGate();
  const device = await DeviceReservations.open({
    guest,
    source: new InstantSource(array, pathCount),
    gate,
    journal: new MemoryJournal(),
    timeoutMs: 5_000,
    depth: 8,
    log: unexpected,
    onFault: unexpected,
    onStoreFailure: unexpected,
  });
  const taken = commands.map((): number[] => []);
  for (let round = -warmUpRounds; round < rounds; round++) {
    array.execute(foreign, register(0n, 2n));
    for (const [index, [name, command]] of commands.entries()) {
      const before = performance.now();
      const { status } = await device.execute(guest, command);
      const microseconds = (performance.now() - before) * 1_000;
      if (status !== 'good') throw new Error(`${name} over ${pathCount} paths: ${status}`);
      if (round >= 0) taken[index]?.push(microseconds);
    }
    array.log.length = 0;
    gate.log.length = 0;
  }
  device.close();
  return taken;
}

function unexpected(what: unknown): never {
  throw new Error(`unexpected: ${String(what)}`);
}

function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(fraction * sorted.length) - 1] ?? NaN;
}

it('answers over any number of paths', async () => {
  const columns: number[][][] = [];
  for (const count of pathCounts) columns.push(await measure(count));
  const heading = pathCounts.map((count) => `${count} path${count === 1 ? '' : 's'}`.padStart(16));
  const lines = commands.map(([name], index) => {
    const cells = columns.map((column) => {
      const values = column[index] ?? [];
      return `${median(values).toFixed(0)} / ${percentile(values, 0.99).toFixed(0)}`.padStart(16);
    });
    return [name.padEnd(22), ...cells].join('');
  });
  const title = `Fan-out over instant paths, median / p99 of ${rounds} in microseconds`;
  console.log([title, `${''.padEnd(22)}${heading.join('')}`, ...lines].join('\n'));
  expect(columns.flat().every((values) => values.length === rounds)).toBe(true);
});
