import { expect, it } from 'vitest';
import {
  decodeNotification,
  encodeNotification,
  notificationOf,
  type ReservationNotification,
  unitAttentionOf,
} from '../../../src/nvme/notification-log.js';
import {
  registrationsPreempted,
  reservationsPreempted,
  reservationsReleased,
} from '../../../src/pr/sense.js';
import { bytes, groups } from '../scsi/support/bytes.js';

it.each([
  [registrationsPreempted, 'registration-preempted'],
  [reservationsReleased, 'reservation-released'],
  [reservationsPreempted, 'reservation-preempted'],
] as const)('%o is %s, and back', (sense, type) => {
  expect(notificationOf(sense)).toBe(type);
  expect(unitAttentionOf(type)).toEqual(sense);
});

it('another unit attention is none', () => {
  expect(notificationOf({ senseKey: 6, asc: 0x29, ascq: 0 })).toBeUndefined();
});

const notification: ReservationNotification = {
  count: 7n,
  type: 'reservation-released',
  more: 2,
  namespaceId: 0x0102,
};

it('golden bytes', () => {
  expect(groups(encodeNotification(notification))).toBe(
    groups(bytes(`0700000000000000 02 02 0000 02010000 ${'00'.repeat(48)}`)),
  );
  expect(decodeNotification(encodeNotification(notification))).toEqual(notification);
});

it('more of them than the field can say are as many as it can', () => {
  const page = encodeNotification({ ...notification, more: 1000 });
  expect(decodeNotification(page)?.more).toBe(255);
});

it('an empty page, one of an unknown type and one that is cut off hold none', () => {
  expect(groups(encodeNotification(undefined))).toBe(groups(Buffer.alloc(64)));
  expect(decodeNotification(encodeNotification(undefined))).toBeUndefined();
  const odd = encodeNotification(notification);
  odd[8] = 4;
  expect(decodeNotification(odd)).toBeUndefined();
  expect(decodeNotification(encodeNotification(notification).subarray(0, 63))).toBeUndefined();
});
