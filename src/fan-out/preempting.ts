/** PREEMPT, PREEMPT AND ABORT and CLEAR: one path executes them for all. Pure. */
import type { ClearCommand, PreemptCommand } from '../pr/command.js';
import { checkCondition, good, reservationConflict } from '../pr/outcome.js';
import { logicalUnitTimeOut } from '../pr/sense.js';
import { heldByAllRegistrants } from '../pr/reservation.js';
import { ended, exhausted, nextPath, refusal } from './attempts.js';
import { effectIsThere } from './read-back.js';
import { repairMove } from './repair.js';
import { isMeant } from './reserving.js';
import { type Situation, usableWith } from './situation.js';
import { answer, type Move, type Progress, send } from './step.js';
import { holderFirst } from './unregistering.js';

/**
 * A PREEMPT that names the guest itself, or every registrant, drops the key from all its paths but
 * the one that sent it: the guest's data waits until they are registered again. Where that one lost
 * it, too (the guest did not hold), the guest is not registered any more.
 */
export function preempt(command: PreemptCommand, situation: Situation, progress: Progress): Move {
  const { key } = progress;
  const { action } = command;
  if (key === 0n || command.prkey !== key) return answer(reservationConflict);
  if (
    ended(progress, 'good', action) !== undefined ||
    (ended(progress, 'unknown', action) !== undefined &&
      effectIsThere(command, situation, progress))
  ) {
    return namesOwnPaths(command, progress)
      ? (repairMove(situation, progress, key) ?? answer(good))
      : answer(good);
  }
  if (action === 'preempt-and-abort' && ended(progress, 'unknown', action) !== undefined) {
    return answer(checkCondition(logicalUnitTimeOut));
  }
  const sense = refusal(progress);
  if (sense !== undefined) return answer(checkCondition(sense));
  if (isMeant(situation, progress, action)) return answer(reservationConflict);

  const path = nextPath(progress, holderFirst(usableWith(situation, key)), action);
  if (path === undefined) return exhausted(progress);
  return send([{ pathId: path.id, command }], namesOwnPaths(command, progress) ? 'drained' : 'any');
}

export function namesOwnPaths(
  { serviceActionKey }: PreemptCommand,
  { key, before }: Progress,
): boolean {
  if (serviceActionKey === key) return true;
  return serviceActionKey === 0n && before.type !== undefined && heldByAllRegistrants(before.type);
}

export function clear(command: ClearCommand, situation: Situation, progress: Progress): Move {
  const { key } = progress;
  if (key === 0n || command.prkey !== key) return answer(reservationConflict);
  if (
    ended(progress, 'good', 'clear') !== undefined ||
    (ended(progress, 'unknown', 'clear') !== undefined &&
      effectIsThere(command, situation, progress))
  ) {
    return answer(good);
  }
  const sense = refusal(progress);
  if (sense !== undefined) return answer(checkCondition(sense));
  if (isMeant(situation, progress, 'clear')) return answer(reservationConflict);
  const path = nextPath(progress, usableWith(situation, key), 'clear');
  return path === undefined ? exhausted(progress) : send([{ pathId: path.id, command }]);
}
