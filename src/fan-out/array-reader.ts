/** Looks at the array through whichever path answers. */
import type { PrInCommand } from '../pr/command.js';
import type { PrInData, PrOutcome } from '../pr/outcome.js';
import { type ArrayView, viewOfFullStatus, viewOfKeys } from './array-view.js';
import type { PathAccess } from './path-access.js';

/** Looks that are given up because the array changes between READ KEYS and READ RESERVATION. */
const looksMax = 4;

/**
 * @param deadline on the clock of `access`, milliseconds
 * @returns undefined if no path answered, or not with what was asked
 */
export async function look(access: PathAccess, deadline: number): Promise<ArrayView | undefined> {
  if (access.limits?.fullStatus === true) {
    const data = await readData(access, 'read-full-status', deadline);
    return data === undefined ? undefined : viewOfFullStatus(data);
  }
  for (let looks = 0; looks < looksMax; looks++) {
    const keys = await readData(access, 'read-keys', deadline);
    const reservation = await readData(access, 'read-reservation', deadline);
    const again = await readData(access, 'read-keys', deadline);
    if (keys === undefined || reservation === undefined || again === undefined) return undefined;
    const same =
      keys.generation === again.generation &&
      keys.keys.length === again.keys.length &&
      keys.keys.every((key, index) => key === again.keys[index]);
    if (same) return viewOfKeys(keys, reservation);
  }
  return undefined;
}

/** The device's answer, whatever it is; undefined if no path answered. */
export async function readOutcome(
  access: PathAccess,
  command: PrInCommand,
  deadline: number,
): Promise<PrOutcome | undefined> {
  const outcome = await access.read(command, deadline);
  return outcome?.kind === 'answered' ? outcome.outcome : undefined;
}

export async function readData<Action extends PrInCommand['action']>(
  access: PathAccess,
  action: Action,
  deadline: number,
): Promise<(PrInData & { action: Action }) | undefined> {
  const outcome = await readOutcome(access, { action }, deadline);
  if (outcome?.status !== 'good' || outcome.data?.action !== action) return undefined;
  return outcome.data as PrInData & { action: Action };
}
