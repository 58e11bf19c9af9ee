/** The ioctls of <linux/pr.h> in bytes. */
import { type ReservationKey, type ReservationType, reservationTypes } from '../pr/reservation.js';
import type { Ioctl } from './program.js';

const magic = 0x70;
const direction = { write: 1, read: 2, readWrite: 3 } as const;

/** <asm-generic/ioctl.h> */
function ioctlNumber(way: keyof typeof direction, nr: number, size: number): number {
  return direction[way] * 2 ** 30 + size * 2 ** 16 + magic * 2 ** 8 + nr;
}

const requests = {
  register: ioctlNumber('write', 200, 24),
  reserve: ioctlNumber('write', 201, 16),
  release: ioctlNumber('write', 202, 16),
  preempt: ioctlNumber('write', 203, 24),
  'preempt-and-abort': ioctlNumber('write', 204, 24),
  clear: ioctlNumber('write', 205, 16),
  'read-keys': ioctlNumber('readWrite', 206, 16),
  'read-reservation': ioctlNumber('read', 207, 16),
} as const;

const ignoreKey = 1;

/** enum pr_type: 1 to 6 in this order, and 0 for none. */
function typeCode(type: ReservationType): number {
  return reservationTypes.indexOf(type) + 1;
}

/** @param ignoreExisting whatever is registered (PR_FL_IGNORE_KEY) */
export function prRegister(
  existing: ReservationKey,
  key: ReservationKey,
  ignoreExisting: boolean,
): Ioctl {
  const argument = Buffer.alloc(24);
  argument.writeBigUInt64LE(existing, 0);
  argument.writeBigUInt64LE(key, 8);
  argument.writeUInt32LE(ignoreExisting ? ignoreKey : 0, 16);
  return { request: requests.register, argument, pointers: [] };
}

export function prReserveOrRelease(
  action: 'reserve' | 'release',
  key: ReservationKey,
  type: ReservationType,
): Ioctl {
  const argument = Buffer.alloc(16);
  argument.writeBigUInt64LE(key, 0);
  argument.writeUInt32LE(typeCode(type), 8);
  return { request: requests[action], argument, pointers: [] };
}

/** struct pr_preempt calls one's own key `old_key` and the victim's `new_key`. */
export function prPreempt(
  action: 'preempt' | 'preempt-and-abort',
  own: ReservationKey,
  victim: ReservationKey,
  type: ReservationType,
): Ioctl {
  const argument = Buffer.alloc(24);
  argument.writeBigUInt64LE(own, 0);
  argument.writeBigUInt64LE(victim, 8);
  argument.writeUInt32LE(typeCode(type), 16);
  return { request: requests[action], argument, pointers: [] };
}

export function prClear(key: ReservationKey): Ioctl {
  const argument = Buffer.alloc(16);
  argument.writeBigUInt64LE(key, 0);
  return { request: requests.clear, argument, pointers: [] };
}

export interface KeysRead {
  readonly generation: number;
  /** How many there are, be there room for them or not. */
  readonly count: number;
  readonly keys: ReservationKey[];
}

/** @param room for so many keys */
export function prReadKeys(room: number): Ioctl & { result: () => KeysRead } {
  const argument = Buffer.alloc(16);
  const keys = Buffer.alloc(room * 8);
  argument.writeUInt32LE(room, 4);
  return {
    request: requests['read-keys'],
    argument,
    pointers: [{ offset: 8, buffer: keys }],
    result: () => {
      const count = argument.readUInt32LE(4);
      return {
        generation: argument.readUInt32LE(0),
        count,
        keys: Array.from({ length: Math.min(count, room) }, (_, index) =>
          keys.readBigUInt64LE(index * 8),
        ),
      };
    },
  };
}

export interface ReservationRead {
  readonly key: ReservationKey;
  readonly generation: number;
  /** undefined: nothing is reserved. */
  readonly type: ReservationType | undefined;
}

export function prReadReservation(): Ioctl & { result: () => ReservationRead } {
  const argument = Buffer.alloc(16);
  return {
    request: requests['read-reservation'],
    argument,
    pointers: [],
    result: () => ({
      key: argument.readBigUInt64LE(0),
      generation: argument.readUInt32LE(8),
      type: reservationTypes[argument.readUInt32LE(12) - 1],
    }),
  };
}

/**
 * IOC_PR_REGISTER with flags that no kernel knows: told apart are EPERM (this process may not) and
 * EOPNOTSUPP (it might), and the device never hears of it.
 */
export function prPermissionProbe(): Ioctl {
  const argument = Buffer.alloc(24);
  argument.writeUInt32LE(0xffff_fffe, 16);
  return { request: requests.register, argument, pointers: [] };
}
