/** With which RESERVATION KEY a path is to be registered anew. Pure. */
import type { ReservationKey } from '../pr/reservation.js';
import { attemptsAt, mayTry } from './attempts.js';
import { registerCommand } from './registration-commands.js';
import type { OwnPath, Situation } from './situation.js';
import type { Progress, Send } from './step.js';

/** Keys that are tried, one after the other, for a path of which it is not known what it has. */
const candidatesMax = 8;

/**
 * REGISTER with what the path has now: its own key where that is known, else 0 and then one key
 * after the other that nobody is proven to have. A wrong one changes nothing.
 * @returns undefined if there is nothing (more) to try
 */
export function registerAnew(
  path: OwnPath,
  key: ReservationKey,
  situation: Situation,
  progress: Progress,
): Send | undefined {
  const prkey = existingKey(path, situation, progress);
  if (prkey === undefined) return undefined;
  return { pathId: path.id, command: registerCommand(prkey, key, progress.aptpl) };
}

function existingKey(
  { id, key, nexusId }: OwnPath,
  { foreign }: Situation,
  progress: Progress,
): ReservationKey | undefined {
  if (nexusId !== undefined) return mayTry(progress, id, 'register') ? (key ?? 0n) : undefined;
  const attempts = attemptsAt(progress, id, 'register');
  if (attempts.length > candidatesMax) return undefined;
  if (attempts.some(({ result }) => result.kind === 'unavailable')) return undefined;
  const wrong = new Set(
    attempts
      .filter(({ result }) => result.kind === 'conflict')
      .map(({ command }) => (command.action === 'register' ? command.prkey : 0n)),
  );
  const candidates = [key ?? 0n, 0n, ...foreign.map((registration) => registration.key)];
  return [...new Set(candidates)].slice(0, candidatesMax).find((each) => !wrong.has(each));
}
