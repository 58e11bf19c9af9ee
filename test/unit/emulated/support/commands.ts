/** Commands with the fields a test does not care about left at zero. */
import type { PrOutCommand, ReservationCommand, ScopeAndType } from '../../../../src/pr/command.js';
import type { ReservationType } from '../../../../src/pr/reservation.js';
import type { TransportId } from '../../../../src/pr/transport-id.js';

interface Flags {
  aptpl?: boolean;
  allTgPt?: boolean;
  specIPt?: readonly TransportId[];
}

export function register(prkey: bigint, serviceActionKey: bigint, flags: Flags = {}): PrOutCommand {
  const { aptpl = false, allTgPt = false, specIPt } = flags;
  return { action: 'register', prkey, serviceActionKey, aptpl, allTgPt, specIPt };
}

export function registerAndIgnore(serviceActionKey: bigint, flags: Flags = {}): PrOutCommand {
  const { aptpl = false, allTgPt = false } = flags;
  return { action: 'register-and-ignore-existing-key', serviceActionKey, aptpl, allTgPt };
}

export function reserve(prkey: bigint, type: ReservationType | undefined): PrOutCommand {
  return { action: 'reserve', prkey, ...unit(type) };
}

export function release(prkey: bigint, type: ReservationType | undefined): PrOutCommand {
  return { action: 'release', prkey, ...unit(type) };
}

export function clear(prkey: bigint): PrOutCommand {
  return { action: 'clear', prkey };
}

export function preempt(
  prkey: bigint,
  serviceActionKey: bigint,
  type: ReservationType | undefined,
): PrOutCommand {
  return { action: 'preempt', prkey, serviceActionKey, ...unit(type) };
}

export function preemptAndAbort(
  prkey: bigint,
  serviceActionKey: bigint,
  type: ReservationType | undefined,
): PrOutCommand {
  return { action: 'preempt-and-abort', prkey, serviceActionKey, ...unit(type) };
}

export function registerAndMove(
  prkey: bigint,
  serviceActionKey: bigint,
  destination: TransportId,
  { unregister = false, aptpl = false, relativeTargetPort = 1 } = {},
): PrOutCommand {
  return {
    action: 'register-and-move',
    prkey,
    serviceActionKey,
    unregister,
    aptpl,
    relativeTargetPort,
    destination,
  };
}

export const replaceLostReservation: PrOutCommand = {
  action: 'replace-lost-reservation',
  prkey: 0n,
  serviceActionKey: 1n,
  aptpl: false,
  ...unit('write-exclusive'),
};

export const readKeys: ReservationCommand = { action: 'read-keys' };
export const readReservation: ReservationCommand = { action: 'read-reservation' };
export const readFullStatus: ReservationCommand = { action: 'read-full-status' };
export const reportCapabilities: ReservationCommand = { action: 'report-capabilities' };
export const reserve6: ReservationCommand = { action: 'reserve-6' };
export const release6: ReservationCommand = { action: 'release-6' };

function unit(type: ReservationType | undefined): ScopeAndType {
  return { scope: 'logical-unit', type };
}
