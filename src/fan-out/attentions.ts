/**
 * The unit attentions of one guest, inferred from what a look at the array shows to have changed:
 * the device's own are swallowed by the kernel's I/O more often than not (fencing rule 16). Pure.
 */
import { admitsRegistrants, type ReservationKey, type ReservationType } from '../pr/reservation.js';
import {
  registrationsPreempted,
  reservationsPreempted,
  reservationsReleased,
  type Sense,
} from '../pr/sense.js';
import type { ArrayView } from './array-view.js';
import type { PendingCommand } from './journal.js';

/** What the guest knows. */
export interface Standing {
  /** 0n: not registered. */
  readonly key: ReservationKey;
  /** Type of the reservation, whoever holds it. */
  readonly type: ReservationType | undefined;
}

/**
 * @param key the guest's key that the array shows; 0n: none of its paths is registered
 * @returns one condition per change that somebody else made
 */
export function observedChange(
  known: Standing,
  view: ArrayView,
  key: ReservationKey,
): Sense | undefined {
  if (known.key === 0n) return undefined;
  if (key === 0n) {
    return view.registrations.length === 0 ? reservationsPreempted : registrationsPreempted;
  }
  const ended = known.type !== undefined && known.type !== view.type;
  return ended && admitsRegistrants(known.type) ? reservationsReleased : undefined;
}

/** Whether a command of the guest's own, of which nobody knows how far it came, explains a change. */
export function explains(
  { command, key }: Pick<PendingCommand, 'command' | 'key'>,
  change: Sense,
): boolean {
  const released = change === reservationsReleased;
  switch (command.action) {
    case 'register':
    case 'register-and-ignore-existing-key':
      return command.serviceActionKey === 0n;
    case 'preempt':
    case 'preempt-and-abort':
      // With key 0 it removes everybody but its sender.
      return released || command.serviceActionKey === key;
    case 'release':
      return released;
    case 'clear':
    case 'register-and-move':
      return true;
    case 'reserve':
    case 'replace-lost-reservation':
      return false;
  }
}
