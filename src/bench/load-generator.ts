/** Runs holdfast-loadgen, the driver's side of the benchmark. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { Failure, ExitCode } from '../util/failure.js';
import { checkoutPath } from './checkout.js';

const loadResult = v.object({
  seconds: v.number(),
  reads: v.number(),
  writes: v.number(),
  iops: v.number(),
  /** 10^6 bytes. */
  megabytesPerSecond: v.number(),
  latencyUs: v.object({
    mean: v.number(),
    p50: v.number(),
    p99: v.number(),
    p999: v.number(),
    max: v.number(),
  }),
  kicks: v.number(),
  sleeps: v.number(),
  clientCpuNs: v.number(),
  serverCpuNs: v.number(),
});

/** What the load generator prints, as far as the benchmark uses it. */
export type LoadResult = v.InferOutput<typeof loadResult>;

export interface LoadOptions {
  socketPath: string;
  /** Of the back end. */
  serverPid: number;
  cpu: number;
  seconds: number;
  warmupSeconds: number;
  /** Of the back end and of the case. */
  loadArguments: readonly string[];
  signal: AbortSignal;
}

/** @throws Failure with the load generator's own words if it fails or a request did. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const args = [
    ...['--socket', options.socketPath],
    ...['--server-pid', String(options.serverPid)],
    ...['--cpu', String(options.cpu)],
    ...['--seconds', String(options.seconds)],
    ...['--warmup', String(options.warmupSeconds)],
    ...options.loadArguments,
  ];
  const loadgen = checkoutPath('build/release/holdfast-loadgen');
  const run = promisify(execFile)(loadgen, args, { signal: options.signal });
  const { stdout } = await run.catch((error: unknown) => {
    options.signal.throwIfAborted();
    throw new Failure(ExitCode.internal, failureOf(error));
  });
  return parseLoadResult(stdout);
}

/** @throws v.ValiError if `text` is not what holdfast-loadgen prints with --server-pid. */
export function parseLoadResult(text: string): LoadResult {
  return v.parse(loadResult, JSON.parse(text));
}

function failureOf(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return stderr === '' ? String(error) : stderr;
}
