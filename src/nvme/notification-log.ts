/** The Reservation Notification log page (80h), which says to NVMe what unit attentions say to SCSI. */
import {
  registrationsPreempted,
  reservationsPreempted,
  reservationsReleased,
  type Sense,
} from '../pr/sense.js';

/** What points to the log page: its event type, event information and log page identifier. */
export const reservationLogAvailable = {
  eventType: 0x6,
  information: 0x00,
  logPage: 0x80,
} as const;

const pageLength = 64;

/** Codes of the log page type; 0 stands for an empty page. */
export const notificationTypes = {
  'registration-preempted': 1,
  'reservation-released': 2,
  'reservation-preempted': 3,
} as const;
export type NotificationType = keyof typeof notificationTypes;

export interface ReservationNotification {
  /** LOG PAGE COUNT, from 1 on: of all notifications of the controller, this is the nth. */
  readonly count: bigint;
  readonly type: NotificationType;
  /** How many more wait, at most 255. */
  readonly more: number;
  readonly namespaceId: number;
}

const conditions: readonly [Sense, NotificationType][] = [
  [registrationsPreempted, 'registration-preempted'],
  [reservationsReleased, 'reservation-released'],
  [reservationsPreempted, 'reservation-preempted'],
];

/** @returns undefined for a unit attention of another cause */
export function notificationOf({ asc, ascq }: Sense): NotificationType | undefined {
  return conditions.find(([sense]) => sense.asc === asc && sense.ascq === ascq)?.[1];
}

/** The unit attention of the same meaning. */
export function unitAttentionOf(type: NotificationType): Sense {
  switch (type) {
    case 'registration-preempted':
      return registrationsPreempted;
    case 'reservation-released':
      return reservationsReleased;
    case 'reservation-preempted':
      return reservationsPreempted;
  }
}

/** @param notification undefined: there is none */
export function encodeNotification(notification: ReservationNotification | undefined): Buffer {
  const page = Buffer.alloc(pageLength);
  if (notification === undefined) return page;
  page.writeBigUInt64LE(notification.count, 0);
  page.writeUInt8(notificationTypes[notification.type], 8);
  page.writeUInt8(Math.min(notification.more, 0xff), 9);
  page.writeUInt32LE(notification.namespaceId, 12);
  return page;
}

/** @returns undefined for an empty page, one of an unknown type or one that is cut off */
export function decodeNotification(page: Buffer): ReservationNotification | undefined {
  if (page.length < pageLength) return undefined;
  const code = page.readUInt8(8);
  const type = conditions.map(([, name]) => name).find((name) => notificationTypes[name] === code);
  if (type === undefined) return undefined;
  return {
    count: page.readBigUInt64LE(0),
    type,
    more: page.readUInt8(9),
    namespaceId: page.readUInt32LE(12),
  };
}
