/** What is to be done next about a command, or about the paths alone. Pure. */
import type { PrOutCommand } from '../pr/command.js';
import type { NexusId } from '../pr/nexus.js';
import { checkCondition, good, reservationConflict } from '../pr/outcome.js';
import type { ReservationKey } from '../pr/reservation.js';
import { invalidFieldInCdb } from '../pr/sense.js';
import { changeKey } from './changing-key.js';
import { disarm } from './disarming.js';
import { drawMove } from './handover.js';
import { leftoverMove } from './leftovers.js';
import { registerAndMove } from './moving.js';
import { clear, preempt } from './preempting.js';
import { type FirstRegistration, registerFirst } from './registering.js';
import { repairMove, withdrawMove } from './repair.js';
import { release, reserve } from './reserving.js';
import type { Situation } from './situation.js';
import { answer, type Move, type Progress } from './step.js';
import { unregister } from './unregistering.js';
import type { UnsettledCommand } from './unsettled-commands.js';

export type Goal =
  | { readonly kind: 'command'; readonly command: PrOutCommand }
  /**
   * Every usable path has the guest's key, by the rules of repair, and no other has another one; or,
   * where the guest is not registered, no path has what is unconfirmed. `otherKey` is what the guest may have instead since a change of its key was cut short.
   */
  | { readonly kind: 'repair'; readonly otherKey: ReservationKey | undefined }
  /** That command can't do anything any more. */
  | { readonly kind: 'disarm'; readonly unsettled: UnsettledCommand };

/** @param guest the nexus as which the guest sees its own paths */
export function nextMove(
  goal: Goal,
  guest: NexusId,
  situation: Situation,
  progress: Progress,
): Move {
  switch (goal.kind) {
    case 'repair':
      return (
        (progress.key === 0n
          ? withdrawMove(situation, progress)
          : (leftoverMove(situation, progress, goal.otherKey) ??
            drawMove(situation, progress, progress.key) ??
            repairMove(situation, progress, progress.key))) ?? answer(good)
      );
    case 'disarm':
      return disarm(goal.unsettled, situation, progress);
    case 'command':
      return moveFor(goal.command, guest, situation, progress);
  }
}

function moveFor(
  command: PrOutCommand,
  guest: NexusId,
  situation: Situation,
  progress: Progress,
): Move {
  switch (command.action) {
    case 'register':
      if (command.prkey !== progress.key) return answer(reservationConflict);
      return register({ ...command, ignoresExisting: false }, situation, progress);
    case 'register-and-ignore-existing-key':
      return register({ ...command, ignoresExisting: true }, situation, progress);
    case 'reserve':
      return reserve(command, situation, progress);
    case 'release':
      return release(command, situation, progress);
    case 'clear':
      return clear(command, situation, progress);
    case 'preempt':
    case 'preempt-and-abort':
      return preempt(command, situation, progress);
    case 'register-and-move':
      return registerAndMove(command, guest, situation, progress);
    case 'replace-lost-reservation':
      return answer(checkCondition(invalidFieldInCdb));
  }
}

function register(command: FirstRegistration, situation: Situation, progress: Progress): Move {
  const { serviceActionKey: to, aptpl } = command;
  const from: ReservationKey = progress.key;
  if (to === 0n) return from === 0n ? answer(good) : unregister(from, situation, progress);
  if (from === 0n) return registerFirst(command, situation, progress);
  return changeKey({ from, to, aptpl }, situation, progress);
}
