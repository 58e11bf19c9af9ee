/** RESERVE and RELEASE. Pure. */
import type { ReleaseCommand, ReserveCommand } from '../pr/command.js';
import { busy, checkCondition, good, reservationConflict } from '../pr/outcome.js';
import { invalidFieldInCdb, invalidReleaseOfPersistentReservation } from '../pr/sense.js';
import { attemptsAt, ended, exhausted, mayTry, nextPath, refusal } from './attempts.js';
import { preemptCommand } from './registration-commands.js';
import { repairMove } from './repair.js';
import {
  isForeign,
  isHeldByAll,
  type OwnPath,
  ownHolders,
  type Situation,
  usableWith,
} from './situation.js';
import { answer, type Move, type Progress, send } from './step.js';

/**
 * One path reserves for all. A reservation of this type that an own path holds already is what was
 * asked for, also where that path is out of reach.
 */
export function reserve(command: ReserveCommand, situation: Situation, progress: Progress): Move {
  const { key } = progress;
  if (key === 0n || command.prkey !== key) return answer(reservationConflict);
  if (command.scope === undefined || command.type === undefined) {
    return answer(checkCondition(invalidFieldInCdb));
  }
  const { type } = situation.view;
  if (ownHolders(situation).length > 0 && type === command.type) return answer(good);
  const sense = refusal(progress);
  if (sense !== undefined) return answer(checkCondition(sense));
  if (isMeant(situation, progress, 'reserve')) return answer(reservationConflict);

  const path = nextPath(progress, usableWith(situation, key), 'reserve');
  return path === undefined ? exhausted(progress) : send([{ pathId: path.id, command }]);
}

/** A conflict that the array gave a path which is registered still: not for want of the key. */
export function isMeant(
  situation: Situation,
  progress: Progress,
  action: 'reserve' | 'clear' | 'preempt' | 'preempt-and-abort',
): boolean {
  return usableWith(situation, progress.key).some(({ id }) =>
    attemptsAt(progress, id, action).some(({ result }) => result.kind === 'conflict'),
  );
}

/**
 * Only the path that holds can release. One out of reach has the reservation taken over by a
 * sibling first, which drops the key from all others: they are registered again.
 */
export function release(command: ReleaseCommand, situation: Situation, progress: Progress): Move {
  const { key } = progress;
  if (key === 0n) return answer(reservationConflict);
  const sense = refusal(progress);
  if (sense !== undefined) return answer(checkCondition(sense));

  const holders = ownHolders(situation);
  if (holders.length === 0) return releaseNothing(command, situation, progress);
  const reachable = holders.filter(({ usable }) => usable);
  const path = reachable.find(({ id }) => mayTry(progress, id, 'release'));
  if (path !== undefined) return releaseBy(path, command, situation, progress);
  if (reachable.length > 0 || isHeldByAll(situation.view)) return exhausted(progress);
  return takeOver(command, situation, progress);
}

function releaseBy(
  path: OwnPath,
  command: ReleaseCommand,
  { view }: Situation,
  progress: Progress,
): Move {
  const conflicts = attemptsAt(progress, path.id, 'release').some(
    ({ result }) => result.kind === 'conflict',
  );
  // Its key is the one it was given, so the guest's is another.
  if (conflicts && command.prkey !== progress.key) return answer(reservationConflict);
  const taken = ended(progress, 'good', 'preempt') !== undefined;
  const given = taken ? { ...command, type: view.type } : command;
  return send([{ pathId: path.id, command: given }], taken ? 'drained' : 'any');
}

/** Held by nobody of ours: done, or GOOD without effect, as the array says. */
function releaseNothing(command: ReleaseCommand, situation: Situation, progress: Progress): Move {
  const done = ended(progress, 'good', 'release') ?? ended(progress, 'unknown', 'release');
  if (done !== undefined) return repairMove(situation, progress, progress.key) ?? answer(good);
  const path = nextPath(progress, usableWith(situation, progress.key), 'release');
  return path === undefined ? exhausted(progress) : send([{ pathId: path.id, command }]);
}

function takeOver(command: ReleaseCommand, situation: Situation, progress: Progress): Move {
  const { key } = progress;
  const { type } = situation.view;
  if (command.prkey !== key) return answer(reservationConflict);
  if (type === undefined || command.scope === undefined || command.type !== type) {
    return answer(checkCondition(invalidReleaseOfPersistentReservation));
  }
  if (isForeign(situation, key)) return answer(busy);
  const path = nextPath(progress, usableWith(situation, key), 'preempt');
  if (path === undefined) return exhausted(progress);
  return send([{ pathId: path.id, command: preemptCommand(key, key, type) }], 'drained');
}
