/** RTYPE: the six types as NVMe numbers them (NVM Command Set, Reservation Acquire). */
import { type ReservationType, reservationTypes } from '../pr/reservation.js';

/** 1 to 6, in the order in which SPC-4 numbers them with gaps. */
export function encodeType(type: ReservationType): number {
  return reservationTypes.indexOf(type) + 1;
}

/** @returns undefined for 0, which stands for no reservation, and for reserved codes */
export function decodeType(code: number): ReservationType | undefined {
  return reservationTypes[code - 1];
}
