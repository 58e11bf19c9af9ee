/** REGISTER of a registered guest with another key (fencing rule 9). Pure. */
import type { ReservationKey } from '../pr/reservation.js';
import { busy, checkCondition, good, reservationConflict } from '../pr/outcome.js';
import { ended, exhausted, givenKey, mayTry, nextPath, refusal } from './attempts.js';
import type { PathId } from './own-nexuses.js';
import { preemptCommand, registerCommand } from './registration-commands.js';
import { registerMove, repairMove, unregisterMove } from './repair.js';
import {
  isForeign,
  ownWith,
  type Situation,
  typeToKeep,
  unreachableWith,
  usableWith,
} from './situation.js';
import { answer, type Move, type Progress, send } from './step.js';

export interface KeyChange {
  readonly from: ReservationKey;
  readonly to: ReservationKey;
  readonly aptpl: boolean;
}

/**
 * Every path that has the old key changes it at once. What is left of the old key then lies on
 * paths out of reach, and is preempted: a path that came back with it would be written through by
 * a guest that was fenced under its new key. Paths without any key are repaired last.
 */
export function changeKey(change: KeyChange, situation: Situation, progress: Progress): Move {
  const { from, to, aptpl } = change;
  const changed = usableWith(situation, to);
  const sense = refusal(progress);
  if (sense !== undefined) {
    const back = registerMove(situation, progress, changed, to, from);
    return back ?? answer(checkCondition(sense));
  }
  if (aKeyWasPreempted(situation, progress, change)) {
    return (
      unregisterMove(situation, progress, changed, to) ??
      unregisterMove(situation, progress, usableWith(situation, from), from) ??
      answer(reservationConflict)
    );
  }
  if (unreachableWith(situation, from).length > 0 && isForeign(situation, from)) {
    return registerMove(situation, progress, changed, to, from) ?? answer(busy);
  }

  const todo = usableWith(situation, from).filter(
    ({ id }) => mayTry(progress, id, 'register') && givenKey(progress, id) !== to,
  );
  const batch = situation.sequential ? todo.slice(0, 1) : todo;
  if (batch.length > 0) {
    return send(
      batch.map(({ id }) => ({ pathId: id, command: registerCommand(from, to, aptpl) })),
      // While some paths have the new key and a PREEMPT takes the old one from the others, the
      // guest counts as fenced.
      ownWith(situation, from).length > 1 ? 'paused' : 'any',
    );
  }
  if (ownWith(situation, to).length === 0) {
    return wasTaken(situation, progress, to) ? answer(good) : exhausted(progress);
  }
  if (from !== to && ownWith(situation, from).length > 0) {
    return dropOldKey(change, situation, progress) ?? exhausted(progress);
  }
  return repairMove(situation, { ...progress, aptpl }, to) ?? answer(good);
}

/** Whether some path had changed to that key by its last word. */
function wasTaken(
  { paths }: Situation,
  progress: Pick<Progress, 'attempts'>,
  key: ReservationKey,
): boolean {
  return paths.some(({ id }) => givenKey(progress, id) === key);
}

/**
 * Paths that have one of the keys although the guest was fenced under the other in the middle of the
 * change: they must not be written through before they are unregistered.
 */
export function leftBehind(
  situation: Situation,
  progress: Pick<Progress, 'before' | 'attempts'>,
  keys: Pick<KeyChange, 'from' | 'to'>,
): PathId[] {
  const { from, to } = keys;
  if (from === 0n || to === 0n || from === to) return [];
  const gone = ownWith(situation, to).length === 0 && wasTaken(situation, progress, to);
  if (!gone && !aKeyWasPreempted(situation, progress, keys)) return [];
  return [...ownWith(situation, from), ...ownWith(situation, to)].map(({ id }) => id);
}

/** With the type of the reservation, which moves here if the path out of reach held it. */
function dropOldKey(
  { from, to }: KeyChange,
  situation: Situation,
  progress: Progress,
): Move | undefined {
  const path = nextPath(progress, usableWith(situation, to), 'preempt');
  if (path === undefined) return undefined;
  const command = preemptCommand(to, from, typeToKeep(situation.view));
  return send([{ pathId: path.id, command }]);
}

/**
 * Whether a path that had the old key has neither: one of the two was preempted, and what is left of
 * both must go.
 */
function aKeyWasPreempted(
  { paths, view }: Situation,
  progress: Pick<Progress, 'before' | 'attempts'>,
  { from, to }: Pick<KeyChange, 'from' | 'to'>,
): boolean {
  if (ended(progress, 'good', 'preempt') !== undefined) return false;
  const now = new Map(view.registrations.map(({ nexusId, key }) => [nexusId, key]));
  return progress.before.registrations.some(({ nexusId, key: had }) => {
    if (nexusId === undefined || had !== from) return false;
    const key = now.get(nexusId);
    // A path that is gone is not among the own ones any more once it is not registered.
    const isOwn = key === undefined || paths.some((path) => path.nexusId === nexusId);
    return isOwn && key !== from && key !== to;
  });
}
