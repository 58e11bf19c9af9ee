/** REGISTER with key 0 (fencing rule 9). Pure. */
import { logicalUnitTimeOut } from '../pr/sense.js';
import { repairMove } from './repair.js';
import type { ReservationKey } from '../pr/reservation.js';
import { busy, checkCondition, good } from '../pr/outcome.js';
import { exhausted, mayTry, nextPath, refusal } from './attempts.js';
import { preemptCommand, registerCommand } from './registration-commands.js';
import {
  isForeign,
  isHeldByAll,
  type OwnPath,
  ownWith,
  type Situation,
  typeToKeep,
  unreachableWith,
  usableWith,
} from './situation.js';
import { answer, type Move, type Progress, send } from './step.js';

const timedOut = checkCondition(logicalUnitTimeOut);

/**
 * The holder goes first, which ends the reservation, so that no unregistered path meets it. What
 * lies on paths out of reach is preempted from one within reach.
 */
export function unregister(key: ReservationKey, situation: Situation, progress: Progress): Move {
  const sense = refusal(progress);
  if (sense !== undefined) return answer(checkCondition(sense));
  if (ownWith(situation, key).length === 0) return answer(good);

  const reachable = usableWith(situation, key);
  if (unreachableWith(situation, key).length > 0) {
    if (isForeign(situation, key)) return answer(busy);
    const path = nextPath(progress, holderFirst(reachable), 'preempt');
    if (path === undefined) {
      // Those within reach are unregistered already. One of them must have the key to preempt it.
      const again =
        reachable.length === 0 ? repairMove(situation, progress, key, timedOut) : undefined;
      return again ?? exhausted(progress);
    }
    const command = preemptCommand(key, key, typeToKeep(situation.view));
    return send([{ pathId: path.id, command }], 'drained');
  }

  const todo = reachable.filter(({ id }) => mayTry(progress, id, 'register'));
  const holder = isHeldByAll(situation.view) ? undefined : todo.find(({ holds }) => holds);
  const batch = holder !== undefined ? [holder] : situation.sequential ? todo.slice(0, 1) : todo;
  if (batch.length === 0) return exhausted(progress);
  return send(
    batch.map(({ id }) => ({
      pathId: id,
      command: registerCommand(key, 0n, progress.aptpl),
    })),
  );
}

/** A holder that preempts itself keeps its registration. */
export function holderFirst(paths: readonly OwnPath[]): OwnPath[] {
  return [...paths.filter(({ holds }) => holds), ...paths.filter(({ holds }) => !holds)];
}
