/**
 * PERSISTENT RESERVE IN and OUT as their service actions mean them (SPC-4 §6.15, §6.16). Whoever
 * decodes a CDB has checked its form: lengths, reserved service actions, SPEC_I_PT where it is not
 * allowed.
 */
import type { ReservationKey, ReservationScope, ReservationType } from './reservation.js';
import type { TransportId } from './transport-id.js';

export type PrInCommand =
  | { readonly action: 'read-keys' }
  | { readonly action: 'read-reservation' }
  | { readonly action: 'report-capabilities' }
  | { readonly action: 'read-full-status' };

export type PrOutCommand =
  | RegisterCommand
  | RegisterAndIgnoreCommand
  | ReserveCommand
  | ReleaseCommand
  | ClearCommand
  | PreemptCommand
  | RegisterAndMoveCommand
  | ReplaceLostReservationCommand;

export type PrCommand = PrInCommand | PrOutCommand;

/**
 * SCOPE and TYPE of the CDB; undefined is a code that SPC-4 does not define. It is kept because
 * some service actions ignore both fields in some states.
 */
export interface ScopeAndType {
  readonly scope: ReservationScope | undefined;
  readonly type: ReservationType | undefined;
}

export interface RegisterCommand {
  readonly action: 'register';
  readonly prkey: ReservationKey;
  readonly serviceActionKey: ReservationKey;
  readonly aptpl: boolean;
  readonly allTgPt: boolean;
  /** The TransportIDs of the list; undefined when SPEC_I_PT is zero. */
  readonly specIPt: readonly TransportId[] | undefined;
}

export interface RegisterAndIgnoreCommand {
  readonly action: 'register-and-ignore-existing-key';
  readonly serviceActionKey: ReservationKey;
  readonly aptpl: boolean;
  readonly allTgPt: boolean;
}

export interface ReserveCommand extends ScopeAndType {
  readonly action: 'reserve';
  readonly prkey: ReservationKey;
}

export interface ReleaseCommand extends ScopeAndType {
  readonly action: 'release';
  readonly prkey: ReservationKey;
}

export interface ClearCommand {
  readonly action: 'clear';
  readonly prkey: ReservationKey;
}

export interface PreemptCommand extends ScopeAndType {
  readonly action: 'preempt' | 'preempt-and-abort';
  readonly prkey: ReservationKey;
  readonly serviceActionKey: ReservationKey;
}

export interface RegisterAndMoveCommand {
  readonly action: 'register-and-move';
  readonly prkey: ReservationKey;
  readonly serviceActionKey: ReservationKey;
  readonly unregister: boolean;
  readonly aptpl: boolean;
  /** RELATIVE TARGET PORT IDENTIFIER of the nexus that receives the reservation. */
  readonly relativeTargetPort: number;
  readonly destination: TransportId;
}

export interface ReplaceLostReservationCommand extends ScopeAndType {
  readonly action: 'replace-lost-reservation';
  readonly prkey: ReservationKey;
  readonly serviceActionKey: ReservationKey;
  readonly aptpl: boolean;
}

/** All that is ever offered: nothing here carries out REPLACE LOST RESERVATION (RLR_C = 0). */
export const offeredPrActions = [
  'read-keys',
  'read-reservation',
  'report-capabilities',
  'read-full-status',
  'register',
  'register-and-ignore-existing-key',
  'register-and-move',
  'reserve',
  'release',
  'clear',
  'preempt',
  'preempt-and-abort',
] as const satisfies readonly PrCommand['action'][];

/** RESERVE(6) and RELEASE(6) of SPC-2, which share the logical unit with the commands above. */
export type LegacyReservationCommand =
  { readonly action: 'reserve-6' } | { readonly action: 'release-6' };

export type ReservationCommand = PrCommand | LegacyReservationCommand;

export function isPrIn(command: ReservationCommand): command is PrInCommand {
  switch (command.action) {
    case 'read-keys':
    case 'read-reservation':
    case 'report-capabilities':
    case 'read-full-status':
      return true;
    default:
      return false;
  }
}
