/**
 * A path that took the key while nobody could see whose nexus it is, is registered once more with the
 * same key (fencing rule 12). It answers GOOD only if it has the key already, so it registers nobody
 * anew, also not after a PREEMPT; and it had it before, since nobody but this host registers the
 * path. If one nexus alone has the key without being proven, then and afterwards, with the
 * generation moved by this one command, that nexus is the path. Pure.
 */
import type { ReservationKey } from '../pr/reservation.js';
import { attemptsAt } from './attempts.js';
import { registerCommand } from './registration-commands.js';
import type { Situation } from './situation.js';
import { type Move, type Progress, send } from './step.js';

/** Another host's command can come between the looks once, and hardly twice. */
const repetitionsMax = 2;

/** One path at a time. @returns undefined if there is none, or nothing would be proven */
export function provingMove(
  { foreign, paths, provable }: Situation,
  progress: Progress,
  key: ReservationKey,
): Move | undefined {
  if (!provable) return undefined;
  const alike = foreign.filter((registration) => registration.key === key);
  const path = paths.find(
    ({ id, key: own, nexusId, usable }) =>
      usable && nexusId === undefined && own === key && repetitions(progress, id) < repetitionsMax,
  );
  if (path === undefined || alike.length !== 1) return undefined;
  return send([{ pathId: path.id, command: registerCommand(key, key, progress.aptpl) }]);
}

function repetitions(progress: Progress, pathId: string): number {
  return attemptsAt(progress, pathId, 'register').filter(
    ({ command }) => command.action === 'register' && command.prkey === command.serviceActionKey,
  ).length;
}
