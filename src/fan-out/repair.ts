/**
 * Repair by witness (fencing rule 8). A path without the guest's key is registered again only while
 * another registration of that key, one that was not just made, shows that nobody has preempted it:
 * PREEMPT removes all of them at once. If the witness is gone afterwards, the path is unregistered.
 * Pure.
 */
import { good, type PrOutcome } from '../pr/outcome.js';
import type { ReservationKey } from '../pr/reservation.js';
import { mayTry } from './attempts.js';
import { registerAnew } from './existing-key.js';
import { provingMove } from './proving.js';
import type { PathId } from './own-nexuses.js';
import { registerCommand } from './registration-commands.js';
import { isForeign, type OwnPath, ownWith, type Situation, usableWith } from './situation.js';
import { type DataState, type Move, type Progress, send } from './step.js';

/** Own registrations of the key, dead nexuses among them, that do not stem from an open repair. */
export function witnesses(situation: Situation, key: ReservationKey): OwnPath[] {
  return ownWith(situation, key).filter(
    ({ id, nexusId }) => nexusId !== undefined && !situation.unconfirmed.has(id),
  );
}

/** Paths that could carry the key and do not. */
export function lacking({ paths }: Situation, key: ReservationKey): OwnPath[] {
  return paths.filter((path) => path.usable && path.key !== key);
}

/**
 * The next step that brings every usable path to `key`, or takes back what must not have been
 * made.
 * @param orElse the answer if the guest's data can't be drained now: by default, what called for
 *   the repair is done, and the rest can wait
 * @param data how the guest's data must stand meanwhile
 * @returns undefined if there is nothing (more) to be done
 */
export function repairMove(
  situation: Situation,
  progress: Progress,
  key: ReservationKey,
  orElse = good,
  data: DataState = 'drained',
): Move | undefined {
  if (key === 0n) return undefined;
  const proof = provingMove(situation, progress, key);
  if (proof !== undefined) return proof;
  if (witnesses(situation, key).length === 0) return undoMove(situation, progress, key);
  return isForeign(situation, key)
    ? undefined
    : registerLacking(situation, progress, key, orElse, data);
}

/** The same for a guest that asks for all of its paths, also where another host has its key. */
export function registerLacking(
  situation: Situation,
  progress: Progress,
  key: ReservationKey,
  orElse: PrOutcome,
  data: DataState,
): Move | undefined {
  const anew = (proven: boolean) =>
    lacking(situation, key)
      .filter(({ nexusId }) => (nexusId !== undefined) === proven)
      .map((path) => registerAnew(path, key, situation, progress))
      .filter((each) => each !== undefined);
  const proven = anew(true);
  // Those that are not proven one at a time, or it could not be told whose nexus is whose.
  const batch =
    proven.length > 0 && !situation.sequential ? proven : [...proven, ...anew(false)].slice(0, 1);
  if (batch.length === 0) return undefined;
  return send(batch, data, orElse);
}

/** Takes back registrations that have no witness. */
function undoMove(situation: Situation, progress: Progress, key: ReservationKey): Move | undefined {
  const made = usableWith(situation, key).filter(({ id }) => situation.unconfirmed.has(id));
  return unregisterMove(situation, progress, made, key);
}

/**
 * For a guest that is not to be registered: takes back what is unconfirmed, whatever key it has.
 * Nothing is a witness for it.
 */
export function withdrawMove(situation: Situation, progress: Progress): Move | undefined {
  const { paths, sequential, unconfirmed } = situation;
  const todo = paths.flatMap(({ id, key, usable }) =>
    usable && key !== undefined && key !== 0n && unconfirmed.has(id)
      ? [{ pathId: id, command: registerCommand(key, 0n, progress.aptpl) }]
      : [],
  );
  const left = todo.filter(({ pathId }) => mayTry(progress, pathId, 'register'));
  const batch = sequential ? left.slice(0, 1) : left;
  return batch.length === 0 ? undefined : send(batch);
}

/** REGISTER with key 0 down paths that have `key`. */
export function unregisterMove(
  situation: Situation,
  progress: Progress,
  paths: readonly OwnPath[],
  key: ReservationKey,
): Move | undefined {
  return registerMove(situation, progress, paths, key, 0n);
}

/** REGISTER from one key to another down paths that have the first. */
export function registerMove(
  { sequential }: Situation,
  progress: Progress,
  paths: readonly OwnPath[],
  from: ReservationKey,
  to: ReservationKey,
): Move | undefined {
  const todo = paths.filter(({ id }) => mayTry(progress, id, 'register'));
  const batch = sequential ? todo.slice(0, 1) : todo;
  if (batch.length === 0) return undefined;
  return send(
    batch.map(({ id }) => ({
      pathId: id,
      command: registerCommand(from, to, progress.aptpl),
    })),
  );
}

/**
 * Which registrations are still to be judged after a look.
 * @param key the guest's; 0n: it is not to be registered, and then nothing confirms a registration
 * @param unsettled paths whose last command may yet be executed
 * @param stands a first registration, which can have no witness but itself, was not preempted
 */
export function stillUnconfirmed(
  situation: Situation,
  key: ReservationKey,
  unsettled: ReadonlySet<PathId>,
  stands: boolean,
): ReadonlySet<PathId> {
  const confirmed = stands || witnesses(situation, key).length > 0;
  const open = [...situation.unconfirmed].filter((id) => {
    if (unsettled.has(id)) return true;
    const made = situation.paths.find((path) => path.id === id)?.key ?? 0n;
    return made !== 0n && !confirmed && (made === key || key === 0n);
  });
  return new Set(open);
}
