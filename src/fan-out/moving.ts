/** REGISTER AND MOVE: from the path that holds, to somebody else (fencing rule 15). Pure. */
import type { RegisterAndMoveCommand } from '../pr/command.js';
import { nexusOf } from '../pr/nexus.js';
import { busy, checkCondition, good, reservationConflict } from '../pr/outcome.js';
import { invalidFieldInParameterList } from '../pr/sense.js';
import { ended, exhausted, nextPath, refusal } from './attempts.js';
import { ownHolders, type Situation, unreachableWith, usableWith } from './situation.js';
import { answer, type Move, type Progress, send } from './step.js';
import { unregister } from './unregistering.js';

/** @param guest the id under which the guest sees its own paths, folded into one */
export function registerAndMove(
  command: RegisterAndMoveCommand,
  guest: string,
  situation: Situation,
  progress: Progress,
): Move {
  const { key } = progress;
  if (key === 0n || command.prkey !== key) return answer(reservationConflict);
  if (ended(progress, 'good', 'register-and-move') !== undefined) {
    // UNREG means the nexus, and the guest's nexus is all its paths.
    return command.unregister ? unregister(key, situation, progress) : answer(good);
  }
  const sense = refusal(progress);
  if (sense !== undefined) return answer(checkCondition(sense));
  if (ended(progress, 'conflict', 'register-and-move') !== undefined) {
    return answer(reservationConflict);
  }
  const destination = nexusOf(command.destination, command.relativeTargetPort).id;
  if (destination === guest || situation.paths.some(({ nexusId }) => nexusId === destination)) {
    return answer(checkCondition(invalidFieldInParameterList));
  }
  // What could not be unregistered afterwards would stay behind.
  if (command.unregister && unreachableWith(situation, key).length > 0) return answer(busy);

  const holders = ownHolders(situation);
  const from = holders.length > 0 ? holders : usableWith(situation, key);
  const path = nextPath(
    progress,
    from.filter(({ usable }) => usable),
    'register-and-move',
  );
  return path === undefined ? exhausted(progress) : send([{ pathId: path.id, command }]);
}
