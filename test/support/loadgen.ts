import { fileURLToPath } from 'node:url';
import { command, successful, type CommandResult } from './command.js';

const loadgen = fileURLToPath(new URL('../../build/release/holdfast-loadgen', import.meta.url));

export interface LoadResult {
  iops: number;
  reads: number;
  writes: number;
  errors: number;
  checkedReads: number;
}

/** Drives the back end at `socketPath` with holdfast-loadgen; fails the test if it fails. */
export async function load(socketPath: string, ...options: string[]): Promise<LoadResult> {
  return JSON.parse(await successful(loadgen, '--socket', socketPath, ...options)) as LoadResult;
}

/** The same for a load that is expected to break off. */
export function interruptedLoad(socketPath: string, ...options: string[]): Promise<CommandResult> {
  return command(loadgen, '--socket', socketPath, ...options);
}
