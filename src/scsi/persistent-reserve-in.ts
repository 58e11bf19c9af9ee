/** Parameter data of PERSISTENT RESERVE IN (SPC-4 §6.15). */
import type { PrInCommand } from '../pr/command.js';
import type {
  FullStatusDescriptor,
  PrCapabilities,
  PrInData,
  ReservationDescriptor,
} from '../pr/outcome.js';
import type { ReservationKey, ReservationType } from '../pr/reservation.js';
import { encodeScopeAndType } from './reservation-type.js';
import { encodeTransportId } from './transport-id.js';

/** Service actions by code. */
export const prInActions = {
  'read-keys': 0x00,
  'read-reservation': 0x01,
  'report-capabilities': 0x02,
  'read-full-status': 0x03,
} as const satisfies Record<PrInCommand['action'], number>;

const keyLength = 8;

/** The whole of the data, to be cut to the allocation length. */
export function encodePrInData(data: PrInData): Buffer {
  switch (data.action) {
    case 'read-keys':
      return withGeneration(data.generation, encodeKeys(data.keys));
    case 'read-reservation':
      return withGeneration(data.generation, encodeReservation(data.reservation));
    case 'report-capabilities':
      return encodeCapabilities(data.capabilities);
    case 'read-full-status':
      return withGeneration(data.generation, Buffer.concat(data.registrations.map(encodeStatus)));
  }
}

function withGeneration(generation: number, list: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(generation, 0);
  header.writeUInt32BE(list.length, 4);
  return Buffer.concat([header, list]);
}

function encodeKeys(keys: readonly ReservationKey[]): Buffer {
  const list = Buffer.alloc(keys.length * keyLength);
  keys.forEach((key, index) => list.writeBigUInt64BE(key, index * keyLength));
  return list;
}

function encodeReservation(reservation: ReservationDescriptor | undefined): Buffer {
  if (reservation === undefined) return Buffer.alloc(0);
  const descriptor = Buffer.alloc(16);
  descriptor.writeBigUInt64BE(reservation.key, 0);
  descriptor[13] = encodeScopeAndType(reservation.scope, reservation.type);
  return descriptor;
}

function encodeStatus(registration: FullStatusDescriptor): Buffer {
  const { key, nexus, allTgPt, reservation } = registration;
  const transportId = encodeTransportId(nexus.transportId);
  const descriptor = Buffer.alloc(24);
  descriptor.writeBigUInt64BE(key, 0);
  descriptor[12] = (allTgPt ? 0x02 : 0) | (reservation === undefined ? 0 : 0x01);
  if (reservation !== undefined) {
    descriptor[13] = encodeScopeAndType(reservation.scope, reservation.type);
  }
  // With ALL_TG_PT the RELATIVE TARGET PORT IDENTIFIER is not valid (SPC-4 §6.15.5).
  if (!allTgPt) descriptor.writeUInt16BE(nexus.relativeTargetPort, 18);
  descriptor.writeUInt32BE(transportId.length, 20);
  return Buffer.concat([descriptor, transportId]);
}

/** Bits of PERSISTENT RESERVATION TYPE MASK, the two bytes taken as one big-endian integer. */
export const typeMaskBits: Readonly<Record<ReservationType, number>> = {
  'write-exclusive': 0x0200,
  'exclusive-access': 0x0800,
  'write-exclusive-registrants-only': 0x2000,
  'exclusive-access-registrants-only': 0x4000,
  'write-exclusive-all-registrants': 0x8000,
  'exclusive-access-all-registrants': 0x0001,
};

function encodeCapabilities(capabilities: PrCapabilities): Buffer {
  const typeMaskValid = 0x80;
  const data = Buffer.alloc(8);
  data.writeUInt16BE(data.length, 0);
  data[2] =
    (capabilities.replaceLostReservation ? 0x80 : 0) |
    (capabilities.compatibleReservationHandling ? 0x10 : 0) |
    (capabilities.specIPt ? 0x08 : 0) |
    (capabilities.allTgPt ? 0x04 : 0) |
    (capabilities.persistThroughPowerLoss ? 0x01 : 0);
  data[3] =
    typeMaskValid |
    (capabilities.allowCommands << 4) |
    (capabilities.persistThroughPowerLossActive ? 0x01 : 0);
  const typeMask = capabilities.types.reduce((mask, type) => mask | typeMaskBits[type], 0);
  data.writeUInt16BE(typeMask, 4);
  return data;
}
