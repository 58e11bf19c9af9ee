/** A guest's first registration on every path: REGISTER and REGISTER AND IGNORE EXISTING KEY. Pure. */
import type { ReservationKey } from '../pr/reservation.js';
import { checkCondition, good } from '../pr/outcome.js';
import { exhausted, givenKey, refusal } from './attempts.js';
import { registerAnew } from './existing-key.js';
import { dropLeftover } from './leftovers.js';
import { registerLacking, repairMove, unregisterMove, witnesses } from './repair.js';
import { isForeign, ownWith, type Situation, usableWith } from './situation.js';
import { answer, type Move, type Progress, send } from './step.js';

export interface FirstRegistration {
  readonly serviceActionKey: ReservationKey;
  readonly aptpl: boolean;
  /** REGISTER AND IGNORE EXISTING KEY: what is registered there now does not matter. */
  readonly ignoresExisting: boolean;
}

export function registerFirst(
  command: FirstRegistration,
  situation: Situation,
  progress: Progress,
): Move {
  const key = command.serviceActionKey;
  const given = { ...progress, aptpl: command.aptpl };
  const sense = refusal(progress);
  if (sense !== undefined) {
    const undo = unregisterMove(situation, given, usableWith(situation, key), key);
    return undo ?? answer(checkCondition(sense));
  }
  if (wasPreempted(situation, progress, key)) {
    // It was registered, and is not any more: both is true, and the guest learns of it.
    return unregisterMove(situation, given, usableWith(situation, key), key) ?? answer(good);
  }
  if (!registrationStands(situation, progress, key)) {
    const undo = unregisterMove(situation, given, usableWith(situation, key), key);
    return undo ?? exhausted(progress);
  }
  const made = ownWith(situation, key);
  if (made.length > 0) {
    return (
      dropLeftover(situation, progress, key) ?? morePaths(situation, given, key) ?? answer(good)
    );
  }
  return firstBatch(command, situation, progress) ?? exhausted(progress);
}

/**
 * A guest that registers asks for all of its paths: also beside data that no gate holds, and where
 * another host has its key, since the path that has it already goes as witness for the others.
 */
function morePaths(
  situation: Situation,
  progress: Progress,
  key: ReservationKey,
): Move | undefined {
  const repair = repairMove(situation, progress, key, good, 'paused');
  if (repair !== undefined || witnesses(situation, key).length === 0) return repair;
  return registerLacking(situation, progress, key, good, 'paused');
}

/** A path that took the key, and has it no longer: PREEMPT removes it from all that had it. */
function wasPreempted(situation: Situation, progress: Progress, key: ReservationKey): boolean {
  return progress.attempts.some(({ pathId }) => {
    if (givenKey(progress, pathId) !== key) return false;
    const path = situation.paths.find(({ id }) => id === pathId);
    // One that is gone and was never proven looks like another host.
    return path === undefined ? !isForeign(situation, key) : path.key !== key;
  });
}

/**
 * Whether what a look shows of a first registration was not preempted meanwhile: every path that
 * took the key has it. One that may have taken it and has it not did not, if the generation counts
 * no more than the others.
 */
export function registrationStands(
  situation: Situation,
  progress: Progress,
  key: ReservationKey,
): boolean {
  if (wasPreempted(situation, progress, key)) return false;
  const has = new Set(ownWith(situation, key).map(({ id }) => id));
  const doubtful = progress.attempts.some(
    ({ pathId, command, result }) =>
      command.action === 'register' &&
      command.serviceActionKey === key &&
      (result.kind === 'unknown' || result.kind === 'unsettled') &&
      !has.has(pathId),
  );
  const counted = (progress.before.generation + has.size) >>> 0;
  return !doubtful || situation.view.generation === counted;
}

/** Proven paths at once; the others one at a time, which proves them where that is possible. */
function firstBatch(
  { serviceActionKey, aptpl, ignoresExisting }: FirstRegistration,
  situation: Situation,
  progress: Progress,
): Move | undefined {
  // A plain REGISTER that met a conflict has its answer.
  const conflicted = progress.attempts.some(({ result }) => result.kind === 'conflict');
  if (conflicted && !ignoresExisting) return undefined;
  const todo = situation.paths
    .filter(({ usable }) => usable)
    .map((path) => registerAnew(path, serviceActionKey, situation, { ...progress, aptpl }))
    .filter((each) => each !== undefined);
  const proven = new Set(
    situation.paths.filter(({ nexusId }) => nexusId !== undefined).map(({ id }) => id),
  );
  const atOnce = situation.provable ? todo.filter(({ pathId }) => proven.has(pathId)) : todo;
  const parallel = atOnce.length > 0 && !situation.sequential;
  const batch = parallel ? atOnce : todo.slice(0, 1);
  return batch.length === 0 ? undefined : send(batch, 'new-epoch');
}
