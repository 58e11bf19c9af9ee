/**
 * Own paths that have another key than the guest's: what a change of the key leaves behind when it
 * is cut short. A path that came back with it would be written through by a guest that was fenced
 * under its present key, and another host that preempts the old key would be told GOOD although the
 * guest goes on under the new one (fencing rule 9). Pure.
 */
import type { ReservationKey } from '../pr/reservation.js';
import { nextPath } from './attempts.js';
import { preemptCommand } from './registration-commands.js';
import { registerMove, witnesses } from './repair.js';
import { isForeign, type Situation, typeToKeep, usableWith } from './situation.js';
import { type Move, type Progress, send } from './step.js';

export interface Leftover {
  readonly key: ReservationKey;
  /** Whether commands get through to its path now. */
  readonly usable: boolean;
}

/** Of proven paths, dead nexuses among them. @param key the guest's */
export function leftovers({ paths }: Situation, key: ReservationKey): Leftover[] {
  return paths.flatMap(({ key: own, nexusId, usable }) =>
    nexusId === undefined || own === undefined || own === 0n || own === key
      ? []
      : [{ key: own, usable }],
  );
}

/**
 * Brings a change of the key that was cut short to one key, as far as paths out of reach are
 * concerned: those within reach are registered with the guest's key by the rules of repair. Where
 * another host has the old key, too, it can't be preempted, and the change is taken back.
 * @param otherKey the guest's key is this one or `progress.key`; undefined: there is no doubt
 * @returns undefined if there is nothing (more) to be done
 */
export function leftoverMove(
  situation: Situation,
  progress: Progress,
  otherKey: ReservationKey | undefined,
): Move | undefined {
  const { key } = progress;
  if (key === 0n || witnesses(situation, key).length === 0) return undefined;
  const move = dropLeftover(situation, progress, key);
  if (move !== undefined || otherKey === undefined) return move;
  const stays = leftovers(situation, key).some((each) => !each.usable && each.key === otherKey);
  if (!stays || !isForeign(situation, otherKey)) return undefined;
  return registerMove(situation, progress, usableWith(situation, key), key, otherKey);
}

/**
 * PREEMPT of a key on a path out of reach, with the type of the reservation, which moves here if
 * that path held it.
 */
export function dropLeftover(
  situation: Situation,
  progress: Progress,
  key: ReservationKey,
): Move | undefined {
  const leftover = leftovers(situation, key).find(
    (each) => !each.usable && !isForeign(situation, each.key),
  );
  const path = nextPath(progress, usableWith(situation, key), 'preempt');
  if (leftover === undefined || path === undefined) return undefined;
  const command = preemptCommand(key, leftover.key, typeToKeep(situation.view));
  return send([{ pathId: path.id, command }], 'paused');
}
