import { describe, expect, it } from 'vitest';
import { compareKinds, compareWithPeers, summarize } from '../../../src/bench/results.js';
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

describe('compareWithPeers', () => {
  const ours = backEnd('holdfast', [
    { iops: 400, cpuUs: 4 },
    { iops: 300, cpuUs: 6 },
    { iops: 500, cpuUs: 5 },
  ]);
  const unheard = backEnd('holdfast', []);
  const scsi = backEnd('holdfast scsi', [
    { iops: 300, cpuUs: 5 },
    { iops: 300, cpuUs: 6 },
    { iops: 300, cpuUs: 8 },
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
    const result = caseResult('throughput', [ours, scsi, frugal, fast]);
    const { iops, cpuPerIo } = compareWithPeers(ours, result);
    expect(iops).toEqual({ other: 'fast', median: 2, min: 1.5, max: 2.5 });
    expect(cpuPerIo).toEqual({ other: 'frugal', median: 0.5, min: 0.4, max: 0.6 });
    expect(compareWithPeers(scsi, result).iops?.median).toBe(1.5);
  });

  it('compares no throughput where the rate was given', () => {
    const { iops, cpuPerIo } = compareWithPeers(ours, caseResult('rate', [ours, frugal]));
    expect(iops).toBeUndefined();
    expect(cpuPerIo?.median).toBe(0.5);
  });

  it.each([
    ['an idle guest', ours, caseResult('idle', [ours, fast])],
    ['no peers', ours, caseResult('throughput', [ours, scsi])],
    ['no quiet round', unheard, caseResult('throughput', [unheard, backEnd('fast', [])])],
  ])('says nothing about %s', (_, own, result) => {
    expect(compareWithPeers(own, result)).toEqual({ iops: undefined, cpuPerIo: undefined });
  });

  it('sets our other device types against the first, whatever the peers can do', () => {
    const [kind, ...more] = compareKinds(caseResult('throughput', [ours, scsi, fast]));
    expect(more).toEqual([]);
    expect(kind?.backEnd).toBe('holdfast scsi');
    expect(kind?.comparison.iops).toEqual({ other: 'holdfast', median: 0.75, min: 0.6, max: 1 });
    expect(kind?.comparison.cpuPerIo?.median).toBe(1.25);
    expect(compareKinds(caseResult('throughput', [ours, fast]))).toEqual([]);
  });
});
