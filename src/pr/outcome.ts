/** How a reservation command ended, before it is put into bytes. */
import type { Nexus } from './nexus.js';
import type { ReservationKey, ReservationScope, ReservationType } from './reservation.js';
import type { Sense } from './sense.js';

export type PrOutcome =
  /** `data` is there exactly for PERSISTENT RESERVE IN. */
  | { readonly status: 'good'; readonly data?: PrInData }
  | { readonly status: 'reservation-conflict' }
  | { readonly status: 'check-condition'; readonly sense: Sense }
  /** Not executed; the initiator may send it again. */
  | { readonly status: 'busy' }
  | { readonly status: 'task-set-full' };

/** Parameter data of PERSISTENT RESERVE IN, untruncated. */
export type PrInData =
  | { readonly action: 'read-keys'; readonly generation: number; readonly keys: ReservationKey[] }
  | {
      readonly action: 'read-reservation';
      readonly generation: number;
      readonly reservation: ReservationDescriptor | undefined;
    }
  | { readonly action: 'report-capabilities'; readonly capabilities: PrCapabilities }
  | {
      readonly action: 'read-full-status';
      readonly generation: number;
      readonly registrations: FullStatusDescriptor[];
    };

export interface ReservationDescriptor {
  /** The holder's key, 0n for the all-registrants types. */
  readonly key: ReservationKey;
  readonly scope: ReservationScope;
  readonly type: ReservationType;
}

export interface FullStatusDescriptor {
  readonly key: ReservationKey;
  readonly nexus: Nexus;
  /** ALL_TG_PT: the registration holds for every target port, and the nexus' own says nothing. */
  readonly allTgPt: boolean;
  /** Set for a holder (R_HOLDER). */
  readonly reservation:
    { readonly scope: ReservationScope; readonly type: ReservationType } | undefined;
}

/** REPORT CAPABILITIES (SPC-4 §6.15.4). */
export interface PrCapabilities {
  /** RLR_C */
  readonly replaceLostReservation: boolean;
  /** CRH */
  readonly compatibleReservationHandling: boolean;
  /** SIP_C */
  readonly specIPt: boolean;
  /** ATP_C */
  readonly allTgPt: boolean;
  /** PTPL_C */
  readonly persistThroughPowerLoss: boolean;
  /** PTPL_A */
  readonly persistThroughPowerLossActive: boolean;
  /** ALLOW COMMANDS, 0 to 5 (SPC-4 table 208). */
  readonly allowCommands: number;
  /** The types in PERSISTENT RESERVATION TYPE MASK, which is valid (TMV). */
  readonly types: readonly ReservationType[];
}

export const good: PrOutcome = { status: 'good' };
export const reservationConflict: PrOutcome = { status: 'reservation-conflict' };
export const busy: PrOutcome = { status: 'busy' };
export const taskSetFull: PrOutcome = { status: 'task-set-full' };

export function goodWith(data: PrInData): PrOutcome {
  return { status: 'good', data };
}

export function checkCondition(sense: Sense): PrOutcome {
  return { status: 'check-condition', sense };
}
