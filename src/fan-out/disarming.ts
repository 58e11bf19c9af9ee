/**
 * Disarming an unsettled command from a healthy path: the key that it checks is preempted (fencing
 * rule 10). Pure.
 */
import { busy, good } from '../pr/outcome.js';
import { preemptCommand } from './registration-commands.js';
import {
  isForeign,
  isHeldByAll,
  ownHolders,
  type Situation,
  typeToKeep,
  usableWith,
} from './situation.js';
import { answer, type Move, type Progress, send } from './step.js';
import { checkedKey, isDisarmed, type UnsettledCommand } from './unsettled-commands.js';
import { holderFirst } from './unregistering.js';

/**
 * Answers GOOD if that command can't do anything any more, BUSY if its end must be awaited. Where
 * the guest does not hold, preempting its own key would leave it without any registration, and
 * without a witness for the next.
 */
export function disarm(
  unsettled: UnsettledCommand,
  situation: Situation,
  progress: Progress,
): Move {
  if (isDisarmed(unsettled, situation)) return answer(good);
  const { key, attempts } = progress;
  const checked = checkedKey(unsettled.command);
  if (attempts.length > 0 || key === 0n || checked === undefined) return answer(busy);
  if (isForeign(situation, checked)) return answer(busy);
  if (checked === key && !keepsItsKey(situation)) return answer(busy);
  const from = holderFirst(usableWith(situation, key)).find(
    ({ id, nexusId }) => id !== unsettled.pathId && nexusId !== undefined,
  );
  if (from === undefined) return answer(busy);
  const command = preemptCommand(key, checked, typeToKeep(situation.view));
  return send([{ pathId: from.id, command }], 'drained');
}

/** A PREEMPT of the holder's key leaves the sender registered (SPC-4 §5.13.11.2.4). */
function keepsItsKey(situation: Situation): boolean {
  return ownHolders(situation).length > 0 && !isHeldByAll(situation.view);
}
