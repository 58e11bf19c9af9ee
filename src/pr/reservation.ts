/** What a persistent reservation is made of (SPC-4 §5.13). */

/** The six types of SPC-4 §6.15.3.4, in the order of their codes 1h, 3h, 5h, 6h, 7h, 8h. */
export const reservationTypes = [
  'write-exclusive',
  'exclusive-access',
  'write-exclusive-registrants-only',
  'exclusive-access-registrants-only',
  'write-exclusive-all-registrants',
  'exclusive-access-all-registrants',
] as const;

export type ReservationType = (typeof reservationTypes)[number];

/** LU_SCOPE (0h) is the only scope SPC-4 defines. */
export type ReservationScope = 'logical-unit';

/** A key of 64 bits, 0n to 2^64-1; 0n means "not registered". */
export type ReservationKey = bigint;

/** The form in which sg_persist and fence_scsi print a key, without leading zeros. */
export function formatKey(key: ReservationKey): string {
  return `0x${key.toString(16)}`;
}

/** Whether every registrant holds a reservation of this type. */
export function heldByAllRegistrants(type: ReservationType): boolean {
  return type === 'write-exclusive-all-registrants' || type === 'exclusive-access-all-registrants';
}

/** Whether a registrant that does not hold it has the holder's access to the medium. */
export function admitsRegistrants(type: ReservationType): boolean {
  return type !== 'write-exclusive' && type !== 'exclusive-access';
}

/** Whether it keeps those it does not admit from reading as well as from writing. */
export function excludesReads(type: ReservationType): boolean {
  return (
    type === 'exclusive-access' ||
    type === 'exclusive-access-registrants-only' ||
    type === 'exclusive-access-all-registrants'
  );
}
