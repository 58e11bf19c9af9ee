/** The Reservation Status data structures that Reservation Report returns. */
import type { ReservationKey, ReservationType } from '../pr/reservation.js';
import type { HostIdentifier } from './host-identifier.js';
import { decodeType, encodeType } from './reservation-type.js';

export interface ReservationReport {
  /** GEN */
  readonly generation: number;
  /** RTYPE */
  readonly type: ReservationType | undefined;
  /** PTPLS */
  readonly persistsThroughPowerLoss: boolean;
  readonly registrants: readonly ReportedController[];
}

/** A registrant's entry: a host has one for each of its controllers, or one with CNTLID FFFFh. */
export interface ReportedController {
  /** CNTLID */
  readonly controllerId: number;
  /** RCSTS bit 0 */
  readonly holdsReservation: boolean;
  readonly key: ReservationKey;
  readonly hostId: HostIdentifier;
}

/** CNTLID of a host's entry that belongs to no controller in particular. */
export const dynamicController = 0xffff;

interface Layout {
  readonly headerLength: number;
  readonly entryLength: number;
  readonly keyAt: number;
  readonly hostIdAt: number;
  readonly hostIdLength: number;
}

const plainLayout: Layout = {
  headerLength: 24,
  entryLength: 24,
  hostIdAt: 8,
  hostIdLength: 8,
  keyAt: 16,
};
/** EDS */
const extendedLayout: Layout = {
  headerLength: 64,
  entryLength: 64,
  keyAt: 8,
  hostIdAt: 16,
  hostIdLength: 16,
};

function layout(extended: boolean): Layout {
  return extended ? extendedLayout : plainLayout;
}

export type ReportReading =
  | { readonly kind: 'whole'; readonly report: ReservationReport }
  /** The controller has more than there was room for: so many bytes in all. */
  | { readonly kind: 'cut'; readonly wholeLength: number }
  | { readonly kind: 'malformed' };

/** @param received the bytes that came */
export function decodeReport(received: Buffer, extended: boolean): ReportReading {
  const { headerLength, entryLength, ...entryLayout } = layout(extended);
  if (received.length < headerLength) return { kind: 'malformed' };
  const typeCode = received.readUInt8(4);
  const type = decodeType(typeCode);
  if (typeCode !== 0 && type === undefined) return { kind: 'malformed' };
  const count = received.readUInt16LE(5); // REGCTL
  const wholeLength = headerLength + count * entryLength;
  if (wholeLength > received.length) return { kind: 'cut', wholeLength };
  const registrants = Array.from({ length: count }, (_, index) =>
    decodeEntry(received.subarray(headerLength + index * entryLength), entryLayout),
  );
  return {
    kind: 'whole',
    report: {
      generation: received.readUInt32LE(0),
      type,
      persistsThroughPowerLoss: received.readUInt8(9) !== 0,
      registrants,
    },
  };
}

type EntryLayout = Omit<Layout, 'headerLength' | 'entryLength'>;

function decodeEntry(entry: Buffer, at: EntryLayout): ReportedController {
  return {
    controllerId: entry.readUInt16LE(0),
    holdsReservation: (entry.readUInt8(2) & 0x01) !== 0,
    key: entry.readBigUInt64LE(at.keyAt),
    hostId: entry.toString('hex', at.hostIdAt, at.hostIdAt + at.hostIdLength),
  };
}

/**
 * The whole of the data, to be cut to the length asked for.
 * @param report its host identifiers have 32 digits if `extended`, else 16
 */
export function encodeReport(report: ReservationReport, extended: boolean): Buffer {
  const { headerLength, entryLength, keyAt, hostIdAt } = layout(extended);
  const data = Buffer.alloc(headerLength + report.registrants.length * entryLength);
  data.writeUInt32LE(report.generation, 0);
  data.writeUInt8(report.type === undefined ? 0 : encodeType(report.type), 4);
  data.writeUInt16LE(report.registrants.length, 5);
  data.writeUInt8(report.persistsThroughPowerLoss ? 1 : 0, 9);
  report.registrants.forEach((registrant, index) => {
    const entry = data.subarray(headerLength + index * entryLength);
    entry.writeUInt16LE(registrant.controllerId, 0);
    entry.writeUInt8(registrant.holdsReservation ? 1 : 0, 2);
    entry.writeBigUInt64LE(registrant.key, keyAt);
    Buffer.from(registrant.hostId, 'hex').copy(entry, hostIdAt);
  });
  return data;
}
