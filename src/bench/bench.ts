/** The whole benchmark: the device, the back ends, all cases, and what came of them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { Failure } from '../util/failure.js';
import { openBenchDevice, type BenchDevice } from './bench-device.js';
import { holdfast, peer, type BackEnd, type DeviceKind, type PeerName } from './back-ends.js';
import type { BenchCase } from './cases.js';
import { loadBetween, sampleCpu } from './cpu-load.js';
import { lockReleased } from './lock-released.js';
import { runLoad } from './load-generator.js';
import type { BenchReport, CaseResult, Measurement } from './results.js';
import { runRounds, type QuietLimits } from './rounds.js';
import { ServerProcess } from './server-process.js';

export interface BenchOptions {
  cases: readonly BenchCase[];
  rounds: number;
  /** Measured seconds of each run; a fifth more is spent to warm up. */
  seconds: number;
  /** `zram`, `loop` or a path; see openBenchDevice. */
  device: string;
  mayWrite: boolean;
  /** Of holdfast. */
  kinds: readonly DeviceKind[];
  peers: readonly PeerName[];
  holdfastArguments: readonly string[];
  serverCpu: number;
  clientCpu: number;
  limits: QuietLimits;
  signal: AbortSignal;
  progress: BenchProgress;
}

export interface BenchProgress {
  started: (device: string, backEnds: readonly string[]) => void;
  measured: (step: Step) => void;
  finished: (result: CaseResult) => void;
}

export interface Step {
  benchCase: BenchCase;
  round: number;
  backEnd: string;
  measurement: Measurement;
  quiet: boolean;
}

/** @throws Failure if a back end, the load generator or the device fails; AbortError on a signal. */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const backEnds = options.kinds.map((kind) => holdfast(kind, options.holdfastArguments));
  for (const name of options.peers) backEnds.push(...(await peer(name)));

  const device = openBenchDevice(options.device, options.mayWrite);
  const directory = mkdtempSync('/tmp/holdfast-bench-');
  try {
    options.progress.started(
      device.description,
      backEnds.map(({ label }) => label),
    );
    const cases = await runCases(backEnds, device, `${directory}/socket`, options);
    return {
      date: new Date().toISOString(),
      machine: {
        cpu: cpus()[0]?.model ?? 'unknown',
        cores: availableParallelism(),
        kernel: release(),
        device: device.description,
      },
      seconds: options.seconds,
      cases,
    };
  } finally {
    device.remove();
    rmSync(directory, { recursive: true });
  }
}

async function runCases(
  backEnds: readonly BackEnd[],
  device: BenchDevice,
  socketPath: string,
  options: BenchOptions,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const benchCase of options.cases.filter(({ writes }) => device.writable || !writes)) {
    const result = await runRounds(benchCase, backEnds, {
      rounds: options.rounds,
      limits: options.limits,
      random: Math.random,
      measure: (backEnd) => measure(benchCase, backEnd, device, socketPath, options),
      onMeasured: ({ label }, round, measurement, quiet) => {
        options.progress.measured({ benchCase, round, backEnd: label, measurement, quiet });
      },
    });
    options.progress.finished(result);
    results.push(result);
  }
  return results;
}

/** Each measurement has a server of its own: two can't hold one device, and none warms up another. */
async function measure(
  benchCase: BenchCase,
  backEnd: BackEnd,
  device: BenchDevice,
  socketPath: string,
  options: BenchOptions,
): Promise<Measurement> {
  options.signal.throwIfAborted();
  await lockReleased(device.path);
  const command = backEnd.command(device, socketPath);
  const server = await ServerProcess.start(command, socketPath, options.serverCpu);
  try {
    const before = sampleCpu(process.pid);
    const load = await runLoad({
      socketPath,
      serverPid: server.pid,
      cpu: options.clientCpu,
      seconds: options.seconds,
      warmupSeconds: options.seconds / 5,
      loadArguments: [...backEnd.loadArguments, ...benchCase.loadArguments],
      signal: options.signal,
    });
    const after = sampleCpu(process.pid);
    return { load, ...loadBetween(before, after, onlineCpus()) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.exitCode, [error.message, server.lastWords].join('; '));
  } finally {
    await server.stop();
    rmSync(socketPath, { force: true });
  }
}

/** The CPUs that /proc/stat counts; a pinned benchmark may use fewer. */
function onlineCpus(): number {
  return readFileSync('/proc/stat', 'utf8').match(/^cpu\d+/gm)?.length ?? 1;
}
