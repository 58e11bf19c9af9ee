import { describe, expect, it } from 'vitest';
import { compare, summarize } from '../../../src/bench/results.js';
import { backEnd, caseResult, measurement } from './measurements.js';

describe('summarize', () => {
  it('takes each median by itself', () => {
    const summary = summarize([
      measurement({ iops: 100, cpuUs: 9 }),
      measurement({ iops: 300, cpuUs: 7 }),
      measurement({ iops: 200, cpuUs: 8 }),
    ]);
    expect(summary.iops).toBe(200);
    expect(summary.cpuPerIo).toBe(8);
    expect(summary.p999).toBe(45.5);
  });

  it('has no CPU for a request where there was none, but the share of a core', () => {
    const idle = measurement({ iops: 0 });
    idle.load.serverCpuNs = 5_000_000;
    const summary = summarize([idle]);
    expect(summary.cpuPerIo).toBeUndefined();
    expect(summary.serverCores).toBe(0.005);
  });
});

describe('compare', () => {
  const ours = backEnd('holdfast', [
    { iops: 400, cpuUs: 4 },
    { iops: 300, cpuUs: 6 },
    { iops: 500, cpuUs: 5 },
  ]);
  const fast = backEnd('fast', [
    { iops: 200, cpuUs: 20 },
    { iops: 200, cpuUs: 20 },
    { iops: 200, cpuUs: 20 },
  ]);
  const frugal = backEnd('frugal', [
    { iops: 100, cpuUs: 10 },
    { iops: 100, cpuUs: 10 },
    { iops: 100, cpuUs: 10 },
  ]);

  it('sets holdfast against the best peer of each figure, round by round', () => {
    const { iops, cpuPerIo } = compare(caseResult('throughput', [ours, frugal, fast]));
    expect(iops).toEqual({ peer: 'fast', median: 2, min: 1.5, max: 2.5 });
    expect(cpuPerIo).toEqual({ peer: 'frugal', median: 0.5, min: 0.4, max: 0.6 });
  });

  it('compares no throughput where the rate was given', () => {
    const { iops, cpuPerIo } = compare(caseResult('rate', [ours, frugal]));
    expect(iops).toBeUndefined();
    expect(cpuPerIo?.median).toBe(0.5);
  });

  it.each([
    ['an idle guest', caseResult('idle', [ours, fast])],
    ['no peers', caseResult('throughput', [ours])],
    ['no quiet round', caseResult('throughput', [backEnd('holdfast', []), backEnd('fast', [])])],
  ])('says nothing about %s', (_, result) => {
    expect(compare(result)).toEqual({ iops: undefined, cpuPerIo: undefined });
  });
});
