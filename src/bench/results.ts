/** What a benchmark finds, as it is written to the JSON file. */
import type { BenchCase } from './cases.js';
import type { LoadResult } from './load-generator.js';
import { median, spread, type Spread } from './statistics.js';

/** One run of one case against one back end. */
export interface Measurement {
  load: LoadResult;
  /** CPU time that processes other than ours took meanwhile, in cores (1 = one core, busy). */
  foreignCores: number;
  /** Of the machine's CPU time, what its hypervisor gave to others (0..1). */
  steal: number;
}

/** The quiet rounds of one back end in one case: round i of all of them belongs together. */
export interface BackEndResult {
  backEnd: string;
  /** Not one of holdfast's device types. */
  isPeer: boolean;
  rounds: Measurement[];
}

export interface CaseResult {
  name: string;
  title: string;
  kind: BenchCase['kind'];
  /** Rounds not counted because something else used the CPUs meanwhile. */
  thrownOut: number;
  /** Those that could do it; holdfast's device types come first. */
  backEnds: BackEndResult[];
  failures: BackEndFailure[];
}

/** A peer that ended or refused; it takes no part in the comparison of this case. */
export interface BackEndFailure {
  backEnd: string;
  reason: string;
}

export interface Machine {
  cpu: string;
  cores: number;
  kernel: string;
  device: string;
}

export interface BenchReport {
  date: string;
  machine: Machine;
  seconds: number;
  cases: CaseResult[];
}

/** Medians over the rounds; latencies in microseconds. */
export interface Summary {
  iops: number;
  megabytesPerSecond: number;
  p50: number;
  p99: number;
  p999: number;
  /** CPU time of the server for one request, microseconds; none where there was no request. */
  cpuPerIo: number | undefined;
  /** CPU time of the server, in cores. */
  serverCores: number;
}

/** One back end against the best of others, round by round. */
export interface Comparison {
  /** Requests a second: more is better. Not where the rate was given. */
  iops: Ratio | undefined;
  /** Server CPU per request: less is better. */
  cpuPerIo: Ratio | undefined;
}

export interface Ratio extends Spread {
  /** The one of the others with the best median in this figure. */
  other: string;
}

export function cpuPerIo({ load }: Measurement): number | undefined {
  const requests = load.reads + load.writes;
  return requests === 0 ? undefined : load.serverCpuNs / 1000 / requests;
}

export function summarize(rounds: readonly Measurement[]): Summary {
  const of = (figure: (load: LoadResult) => number) =>
    median(rounds.map(({ load }) => figure(load)));
  const cpu = rounds.map(cpuPerIo).filter((value) => value !== undefined);
  return {
    iops: of((load) => load.iops),
    megabytesPerSecond: of((load) => load.megabytesPerSecond),
    p50: of((load) => load.latencyUs.p50),
    p99: of((load) => load.latencyUs.p99),
    p999: of((load) => load.latencyUs.p999),
    cpuPerIo: cpu.length === rounds.length ? median(cpu) : undefined,
    serverCores: of((load) => load.serverCpuNs / 1e9 / load.seconds),
  };
}

const nothing: Comparison = { iops: undefined, cpuPerIo: undefined };

/** A back end of ours against the best peer. */
export function compareWithPeers(ours: BackEndResult, { kind, backEnds }: CaseResult): Comparison {
  return compare(
    ours,
    backEnds.filter(({ isPeer }) => isPeer),
    kind,
  );
}

/** Each further device type of ours against the first. */
export function compareKinds({
  kind,
  backEnds,
}: CaseResult): { backEnd: string; comparison: Comparison }[] {
  const [first, ...others] = backEnds.filter(({ isPeer }) => !isPeer);
  if (first === undefined) return [];
  return others.map((other) => ({
    backEnd: other.backEnd,
    comparison: compare(other, [first], kind),
  }));
}

function compare(
  ours: BackEndResult,
  others: readonly BackEndResult[],
  kind: CaseResult['kind'],
): Comparison {
  if (ours.rounds.length === 0 || others.length === 0 || kind === 'idle') return nothing;
  return {
    iops:
      kind === 'throughput'
        ? ratioToBest(ours, others, ({ load }) => load.iops, 'most')
        : undefined,
    cpuPerIo: ratioToBest(ours, others, (measurement) => cpuPerIo(measurement) ?? NaN, 'least'),
  };
}

function ratioToBest(
  ours: BackEndResult,
  others: readonly BackEndResult[],
  figure: (measurement: Measurement) => number,
  best: 'most' | 'least',
): Ratio {
  const medianOf = ({ rounds }: BackEndResult) => median(rounds.map(figure));
  const better = (a: BackEndResult, b: BackEndResult) =>
    best === 'most' ? medianOf(a) > medianOf(b) : medianOf(a) < medianOf(b);
  const other = others.reduce((a, b) => (better(b, a) ? b : a));
  const ratios = ours.rounds.flatMap((measurement, round) => {
    const theirs = other.rounds[round];
    return theirs === undefined ? [] : [figure(measurement) / figure(theirs)];
  });
  return { other: other.backEnd, ...spread(ratios) };
}
