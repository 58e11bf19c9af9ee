import type { BackEndResult, CaseResult, Measurement } from '../../../src/bench/results.js';

export interface Figures {
  iops: number;
  /** Server CPU for a request. */
  cpuUs: number;
  foreignCores: number;
  steal: number;
}

/** A measurement over one second. */
export function measurement(figures: Partial<Figures> = {}): Measurement {
  const { iops = 1000, cpuUs = 10, foreignCores = 0, steal = 0 } = figures;
  return {
    load: {
      seconds: 1,
      reads: iops,
      writes: 0,
      iops,
      megabytesPerSecond: (iops * 4096) / 1e6,
      latencyUs: { mean: 20, p50: 18.25, p99: 30, p999: 45.5, max: 100 },
      kicks: 0,
      sleeps: 0,
      clientCpuNs: 0,
      serverCpuNs: cpuUs * 1000 * Math.max(iops, 1),
    },
    foreignCores,
    steal,
  };
}

/** One of ours if its name says so. */
export function backEnd(name: string, rounds: readonly Partial<Figures>[]): BackEndResult {
  return {
    backEnd: name,
    isPeer: !name.startsWith('holdfast'),
    rounds: rounds.map(measurement),
  };
}

export function caseResult(
  kind: CaseResult['kind'],
  backEnds: BackEndResult[],
  thrownOut = 0,
): CaseResult {
  return { name: 'a-case', title: 'what it does', kind, thrownOut, backEnds, failures: [] };
}
