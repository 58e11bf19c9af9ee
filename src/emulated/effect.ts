/**
 * Whether the reservations show what a command would do, when nobody knows whether the process before
 * has carried it out (fencing rule 18). Pure.
 */
import type { PrOutCommand } from '../pr/command.js';
import type { NexusId } from '../pr/nexus.js';
import { isHolder, isRegisteredWith, type ReservationState } from './reservation-state.js';

export function effectIsThere(
  state: ReservationState,
  nexusId: NexusId,
  command: PrOutCommand,
): boolean {
  const { registrations, reservation } = state;
  const registered = registrations.get(nexusId);
  switch (command.action) {
    case 'register':
    case 'register-and-ignore-existing-key':
      return (registered?.key ?? 0n) === command.serviceActionKey;
    case 'reserve':
      return isHolder(state, nexusId) && reservation?.type === command.type;
    case 'release':
      return registered !== undefined && !isHolder(state, nexusId);
    case 'clear':
      return registrations.size === 0;
    // Its abort came before its effect: what it aborts has ended when its effect is made durable.
    case 'preempt':
    case 'preempt-and-abort': {
      const { prkey, serviceActionKey: victim } = command;
      // Who preempts himself without holding the reservation is not registered afterwards.
      if (victim === prkey) return registered === undefined;
      const others = [...registrations.values()].filter(({ nexus }) => nexus.id !== nexusId);
      const gone = victim === 0n ? others.length === 0 : others.every(({ key }) => key !== victim);
      return isRegisteredWith(state, nexusId, prkey) && gone;
    }
    // Who was moved to may have moved on since.
    case 'register-and-move':
    case 'replace-lost-reservation':
      return false;
  }
}
