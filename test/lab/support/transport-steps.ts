/** What transport-program.mjs is told to do with the disks of a lab machine, step by step. */

import { bring } from './bring.js';
import { type LabMachine } from './lab-machine.js';

export interface Disk {
  name: string;
  kind?: string;
  helperSocket?: string;
}

export interface Step {
  disk: number;
  action: 'execute' | 'probe' | 'identify' | 'settle' | 'await-file';
  command?: object;
  withinMs?: number;
  file?: string;
}

/** Runs what follows as a user without any. */
export const noCapability = '$as_holdfast';
/**
 * Opens the disks and runs the steps in the machine.
 * @returns the report on each disk, then what became of each step
 */
export async function drive(
  host: LabMachine,
  disks: Disk[],
  steps: Step[],
  as = noCapability,
): Promise<unknown[]> {
  await bring(host, 'transport-program.mjs');
  const work = JSON.stringify({ disks, steps });
  const output = await host.run(`
    install -d -o holdfast /run/transports
    ${as} node /run/transport-program.mjs '${work}' 2>$logs/transports.log || {
      cat $logs/transports.log
      exit 1
    }`);
  const lines = output.trim().split('\n');
  return lines.map((line): unknown => JSON.parse(line));
}

export async function diskNames(host: LabMachine): Promise<string[]> {
  const names = await host.run('for path in path1 path2; do readlink -f /dev/lab/$path; done');
  return names
    .trim()
    .split('\n')
    .map((path) => path.replace('/dev/', ''));
}

export const wero = { scope: 'logical-unit', type: 'write-exclusive-registrants-only' };
export const flags = { aptpl: false, allTgPt: false };
export const execute = (disk: number, command: object): Step => ({
  disk,
  action: 'execute',
  command,
});
export const register = (disk: number, prkey: string, serviceActionKey: string) =>
  execute(disk, { action: 'register', prkey, serviceActionKey, ...flags });
export const reserve = (disk: number) =>
  execute(disk, { action: 'reserve', prkey: '0xa1', ...wero });
export const preempt = (disk: number, serviceActionKey: string) =>
  execute(disk, { action: 'preempt', prkey: '0xa1', serviceActionKey, ...wero });
/** Goes on when `/run/transports/NAME` is there; it is waited for when `NAME.awaited` is. */
export const awaitFile = (name: string): Step => ({
  disk: 0,
  action: 'await-file',
  file: `/run/transports/${name}`,
});
export const read = (disk: number, action: string) => execute(disk, { action });

export const good = { kind: 'answered', outcome: { status: 'good' } };
export const conflict = { kind: 'answered', outcome: { status: 'reservation-conflict' } };
