/** Parameter data of PERSISTENT RESERVE IN as a device returned it (SPC-4 §6.15). */
import type { PrInCommand } from '../pr/command.js';
import { nexusOf } from '../pr/nexus.js';
import type {
  FullStatusDescriptor,
  PrCapabilities,
  PrInData,
  ReservationDescriptor,
} from '../pr/outcome.js';
import { reservationTypes } from '../pr/reservation.js';
import { typeMaskBits } from './persistent-reserve-in.js';
import { decodeScope, decodeType } from './reservation-type.js';
import { decodeShownTransportId } from './transport-id.js';

export type PrInReading =
  | { readonly kind: 'whole'; readonly data: PrInData }
  /** The device has more than it returned: so many bytes in all. */
  | { readonly kind: 'cut'; readonly wholeLength: number }
  /** No parameter data of that service action. */
  | { readonly kind: 'malformed' };

const headerLength = 8;
const keyLength = 8;
const reservationLength = 16;
const statusHeaderLength = 24;
const malformed: PrInReading = { kind: 'malformed' };

/** @param received the bytes that came, without the rest of the buffer */
export function decodePrInData(action: PrInCommand['action'], received: Buffer): PrInReading {
  if (received.length < headerLength) return malformed;
  if (action === 'report-capabilities') return decodeCapabilities(received);
  const generation = received.readUInt32BE(0);
  const wholeLength = headerLength + received.readUInt32BE(4);
  if (wholeLength > received.length) return { kind: 'cut', wholeLength };
  const list = received.subarray(headerLength, wholeLength);
  switch (action) {
    case 'read-keys':
      return decodeKeys(generation, list);
    case 'read-reservation':
      return decodeReservation(generation, list);
    case 'read-full-status':
      return decodeFullStatus(generation, list);
  }
}

function decodeKeys(generation: number, list: Buffer): PrInReading {
  if (list.length % keyLength !== 0) return malformed;
  const keys = Array.from({ length: list.length / keyLength }, (_, index) =>
    list.readBigUInt64BE(index * keyLength),
  );
  return { kind: 'whole', data: { action: 'read-keys', generation, keys } };
}

function decodeReservation(generation: number, list: Buffer): PrInReading {
  const whole = (reservation: ReservationDescriptor | undefined): PrInReading => ({
    kind: 'whole',
    data: { action: 'read-reservation', generation, reservation },
  });
  if (list.length === 0) return whole(undefined);
  if (list.length < reservationLength) return malformed;
  const held = decodeScopeAndType(list.readUInt8(13));
  return held === undefined ? malformed : whole({ key: list.readBigUInt64BE(0), ...held });
}

function decodeFullStatus(generation: number, list: Buffer): PrInReading {
  const registrations: FullStatusDescriptor[] = [];
  for (let at = 0; at < list.length;) {
    if (list.length - at < statusHeaderLength) return malformed;
    const end = at + statusHeaderLength + list.readUInt32BE(at + 20);
    if (end > list.length) return malformed;
    const registration = decodeStatus(list.subarray(at, end));
    if (registration === undefined) return malformed;
    registrations.push(registration);
    at = end;
  }
  return { kind: 'whole', data: { action: 'read-full-status', generation, registrations } };
}

function decodeStatus(descriptor: Buffer): FullStatusDescriptor | undefined {
  const flags = descriptor.readUInt8(12);
  const isHolder = (flags & 0x01) !== 0;
  const reservation = isHolder ? decodeScopeAndType(descriptor.readUInt8(13)) : undefined;
  if (isHolder && reservation === undefined) return undefined;
  const transportId = decodeShownTransportId(descriptor.subarray(statusHeaderLength));
  return {
    key: descriptor.readBigUInt64BE(0),
    nexus: nexusOf(transportId, descriptor.readUInt16BE(18)),
    allTgPt: (flags & 0x02) !== 0,
    reservation,
  };
}

function decodeScopeAndType(code: number) {
  const scope = decodeScope(code >> 4);
  const type = decodeType(code & 0x0f);
  return scope === undefined || type === undefined ? undefined : { scope, type };
}

function decodeCapabilities(received: Buffer): PrInReading {
  if (received.readUInt16BE(0) < headerLength) return malformed;
  const flag = (at: number, mask: number) => (received.readUInt8(at) & mask) !== 0;
  const typeMask = received.readUInt16BE(4);
  // TMV: a device that says nothing about types is asked for them, and refuses what it has not.
  const types = flag(3, 0x80)
    ? reservationTypes.filter((type) => (typeMask & typeMaskBits[type]) !== 0)
    : reservationTypes;
  const capabilities: PrCapabilities = {
    replaceLostReservation: flag(2, 0x80),
    compatibleReservationHandling: flag(2, 0x10),
    specIPt: flag(2, 0x08),
    allTgPt: flag(2, 0x04),
    persistThroughPowerLoss: flag(2, 0x01),
    persistThroughPowerLossActive: flag(3, 0x01),
    allowCommands: (received.readUInt8(3) >> 4) & 0x07,
    types,
  };
  return { kind: 'whole', data: { action: 'report-capabilities', capabilities } };
}
