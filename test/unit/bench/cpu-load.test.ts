import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadBetween, sampleCpu } from '../../../src/bench/cpu-load.js';

let proc: string;

beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'holdfast-proc-'));
  writeFileSync(join(proc, 'stat'), 'cpu  100 20 30 1000 5 6 7 8 99 99\ncpu0 1 2 3\n');
});
afterEach(() => {
  rmSync(proc, { recursive: true });
});

/** Times: user, system, and those of the children waited for. */
function process(pid: number, parent: number, times: number[], name = 'a', flags = 0): void {
  const fields = ['S', parent, 1, 1, 0, -1, flags, 0, 0, 0, 0, ...times, 20, 0, 1, 0];
  mkdirSync(join(proc, String(pid)));
  writeFileSync(join(proc, String(pid), 'stat'), `${pid} (${name}) ${fields.join(' ')}\n`);
}

describe('sampleCpu', () => {
  it('adds up the time of every process that is not ours, and of its children', () => {
    process(1, 0, [1, 2, 3, 4]);
    process(70, 1, [1000, 0, 0, 0]);
    expect(sampleCpu(70, proc).foreignTicks).toBe(10);
  });

  it('knows our whole tree, in whatever order it is listed', () => {
    process(10, 90, [100, 0, 0, 0]); // grandchild
    process(50, 1, [100, 0, 0, 0]); // we
    process(90, 50, [100, 0, 0, 0]); // child
    process(91, 1, [5, 0, 0, 0]);
    expect(sampleCpu(50, proc).foreignTicks).toBe(5);
  });

  it('leaves kernel threads out', () => {
    process(2, 0, [500, 500, 0, 0], 'kworker/0:1', 0x0420_8060);
    expect(sampleCpu(1, proc).foreignTicks).toBe(0);
  });

  it('reads names with blanks and parentheses', () => {
    process(5, 1, [7, 1, 1, 1], 'a) R 1 (b');
    expect(sampleCpu(1_000, proc).foreignTicks).toBe(10);
  });

  it('takes steal, and all time without guest time that is in user time already', () => {
    expect(sampleCpu(1, proc)).toMatchObject({ stealTicks: 8, allTicks: 1176 });
  });

  it('works on this machine', () => {
    const sample = sampleCpu(1);
    expect(sample.allTicks).toBeGreaterThan(0);
    expect(sample.foreignTicks).toBeGreaterThanOrEqual(0);
  });
});

describe('loadBetween', () => {
  const before = { foreignTicks: 1000, stealTicks: 10, allTicks: 10_000 };

  it('is in cores, and steal in parts of the whole', () => {
    // One second of two CPUs: half a core was foreign, a tenth was stolen.
    const after = { foreignTicks: 1050, stealTicks: 30, allTicks: 10_200 };
    expect(loadBetween(before, after, 2)).toEqual({ foreignCores: 0.5, steal: 0.1 });
  });

  it('is never negative', () => {
    const after = { foreignTicks: 900, stealTicks: 10, allTicks: 10_200 };
    expect(loadBetween(before, after, 2)).toEqual({ foreignCores: 0, steal: 0 });
  });

  it('is nothing where no time has passed', () => {
    expect(loadBetween(before, before, 2)).toEqual({ foreignCores: 0, steal: 0 });
  });
});
