/** sg3-utils' sg_persist in a guest. */
import { clusterDisk } from './cluster.js';
import { type GuestProcess } from './guest-process.js';

/** What sg_persist ends with, as GuestProcess.run reports it. */
export const sgExit = {
  illegalRequest: 'exit code 5:',
  reservationConflict: 'exit code 24:',
} as const;

/**
 * Runs `sg_persist ARGUMENTS`, after a TEST UNIT READY has taken up a unit attention.
 * @returns what it printed
 */
export function sgPersist(node: GuestProcess, args: string): Promise<string> {
  return node.run(`sg_turs ${clusterDisk} >/dev/null; ${sgPersistCommand(args)}`);
}

/** The same without TEST UNIT READY. */
export function sgPersistCommand(args: string): string {
  return `sg_persist --no-inquiry ${args} ${clusterDisk}`;
}

/** READ KEYS: as printed, without 0x. */
export async function registeredKeys(node: GuestProcess): Promise<string[]> {
  const output = await sgPersist(node, '--in --read-keys');
  return [...output.matchAll(/^\s+0x([0-9a-f]+)$/gm)].map(([, key = '']) => key);
}

/** READ RESERVATION: key and type as printed, or undefined. */
export async function reservation(
  node: GuestProcess,
): Promise<{ key: string; type: string } | undefined> {
  const output = await sgPersist(node, '--in --read-reservation');
  const [, key, type] = /Key=0x([0-9a-f]+)\s+scope: LU_SCOPE,\s+type: (.*)$/m.exec(output) ?? [];
  if (key === undefined || type === undefined) {
    if (!output.includes('there is NO reservation held')) throw new Error(output);
    return undefined;
  }
  return { key, type };
}

/** Ends what earlier tests have left. */
export async function clearReservations(node: GuestProcess): Promise<void> {
  await sgPersist(node, '--out --register-ignore --param-sark=1');
  await sgPersist(node, '--out --clear --param-rk=1');
}
