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
  rounds: Measurement[];
}

export interface CaseResult {
  name: string;
  title: string;
  kind: BenchCase['kind'];
  /** Rounds not counted because something else used the CPUs meanwhile. */
  thrownOut: number;
  /** Those that could do it; the first is holdfast. */
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

/** holdfast against the best of its peers, round by round. */
export interface Comparison {
  /** Requests a second: more is better. Not where the rate was given. */
  iops: Ratio | undefined;
  /** Server CPU per request: less is better. */
  cpuPerIo: Ratio | undefined;
}

export interface Ratio extends Spread {
  /** The peer with the best median in this figure. */
  peer: string;
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

export function compare({ kind, backEnds }: CaseResult): Comparison {
  const [ours, ...peers] = backEnds;
  if (ours === undefined || ours.rounds.length === 0 || peers.length === 0 || kind === 'idle') {
    return { iops: undefined, cpuPerIo: undefined };
  }
  return {
    iops:
      kind === 'throughput' ? ratioToBest(ours, peers, ({ load }) => load.iops, 'most') : undefined,
    cpuPerIo: ratioToBest(ours, peers, (measurement) => cpuPerIo(measurement) ?? NaN, 'least'),
  };
}

function ratioToBest(
  ours: BackEndResult,
  peers: readonly BackEndResult[],
  figure: (measurement: Measurement) => number,
  best: 'most' | 'least',
): Ratio | undefined {
  const medianOf = ({ rounds }: BackEndResult) => median(rounds.map(figure));
  const better = (a: BackEndResult, b: BackEndResult) =>
    best === 'most' ? medianOf(a) > medianOf(b) : medianOf(a) < medianOf(b);
  const peer = peers.reduce((a, b) => (better(b, a) ? b : a));
  const ratios = ours.rounds.flatMap((measurement, round) => {
    const other = peer.rounds[round];
    return other === undefined ? [] : [figure(measurement) / figure(other)];
  });
  return { peer: peer.backEnd, ...spread(ratios) };
}
