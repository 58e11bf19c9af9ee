/** The REGISTERs and PREEMPTs that the fan-out itself sends. */
import type { PreemptCommand, RegisterCommand } from '../pr/command.js';
import type { ReservationKey, ReservationType } from '../pr/reservation.js';

/**
 * Never REGISTER AND IGNORE EXISTING KEY: it can't be disarmed (fencing rule 10).
 * @param aptpl of the guest's last registration, for it governs the whole logical unit (rule 13)
 */
export function registerCommand(
  prkey: ReservationKey,
  serviceActionKey: ReservationKey,
  aptpl: boolean,
): RegisterCommand {
  return {
    action: 'register',
    prkey,
    serviceActionKey,
    aptpl,
    allTgPt: false,
    specIPt: undefined,
  };
}

export function preemptCommand(
  prkey: ReservationKey,
  serviceActionKey: ReservationKey,
  type: ReservationType,
): PreemptCommand {
  return { action: 'preempt', prkey, serviceActionKey, scope: 'logical-unit', type };
}
