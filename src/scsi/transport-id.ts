/** TransportIDs in bytes (SPC-4 §7.6.4). */
import { isInitiatorName } from '../pr/nexus.js';
import type { IscsiTransportId, TransportId } from '../pr/transport-id.js';
import type { Decoded } from './command-outcome.js';
import { invalidParameterField } from './sense.js';

const protocols = {
  'fibre-channel': 0x0,
  'parallel-scsi': 0x1,
  sbp: 0x3,
  srp: 0x4,
  iscsi: 0x5,
  sas: 0x6,
  sop: 0xa,
} as const;

/** Every TransportID but iSCSI's has this length, and iSCSI's at least. Bytes. */
export const transportIdLengthMin = 24;
const iscsiHeaderLength = 4;
const isidSeparator = ',i,0x';

export function encodeTransportId(id: TransportId): Buffer {
  if (id.protocol === 'iscsi') return encodeIscsi(id);
  if (id.protocol === 'other') return Buffer.from(id.bytes);
  const data = Buffer.alloc(transportIdLengthMin);
  data[0] = protocols[id.protocol];
  switch (id.protocol) {
    case 'fibre-channel':
      data.writeBigUInt64BE(id.portName, 8);
      break;
    case 'parallel-scsi':
      data.writeUInt16BE(id.scsiAddress, 2);
      data.writeUInt16BE(id.relativeTargetPort, 6);
      break;
    case 'sbp':
      data.writeBigUInt64BE(id.eui64, 8);
      break;
    case 'srp':
      data.writeBigUInt64BE(id.initiatorPort >> 64n, 8);
      data.writeBigUInt64BE(BigInt.asUintN(64, id.initiatorPort), 16);
      break;
    case 'sas':
      data.writeBigUInt64BE(id.address, 4);
      break;
    case 'sop':
      data.writeUInt16BE(id.routingId, 2);
      break;
  }
  return data;
}

function encodeIscsi({ name, isid }: IscsiTransportId): Buffer {
  const suffix = isid === undefined ? '' : isidSeparator + isid.toString(16).padStart(12, '0');
  const text = Buffer.from(`${name}${suffix}\0`, 'utf8');
  const padded = Math.max(20, Math.ceil(text.length / 4) * 4);
  const data = Buffer.alloc(iscsiHeaderLength + padded);
  data[0] = (isid === undefined ? 0x00 : 0x40) | protocols.iscsi;
  data.writeUInt16BE(padded, 2);
  text.copy(data, iscsiHeaderLength);
  return data;
}

/**
 * Decodes TransportIDs that follow each other without gaps.
 * @param list the bytes they fill
 * @param at where the list stands in the parameter data, for the field pointer
 * @returns refusal 5/26/00: one is cut off, of an unknown protocol or format, or malformed
 */
export function decodeTransportIds(list: Buffer, at: number): Decoded<TransportId[]> {
  const ids: TransportId[] = [];
  for (let offset = 0; offset < list.length;) {
    const rest = list.subarray(offset);
    const length = transportIdLength(rest);
    const id = length > rest.length ? undefined : decodeTransportId(rest.subarray(0, length));
    if (id === undefined) return { refusal: invalidParameterField(at + offset) };
    ids.push(id);
    offset += length;
  }
  return { value: ids };
}

/**
 * A TransportID that a device shows. One of an unknown protocol or format, or that is malformed,
 * becomes 'other': devices invent some, and who looks at them may know what they mean.
 * @param data the whole TransportID
 */
export function decodeShownTransportId(data: Buffer): TransportId {
  const isWhole = data.length >= iscsiHeaderLength && data.length === transportIdLength(data);
  const known = isWhole ? decodeTransportId(data) : undefined;
  return known ?? { protocol: 'other', bytes: new Uint8Array(data) };
}

function transportIdLength(data: Buffer): number {
  const isIscsi = (byteAt(data, 0) & 0x0f) === protocols.iscsi;
  if (!isIscsi || data.length < iscsiHeaderLength) return transportIdLengthMin;
  return iscsiHeaderLength + data.readUInt16BE(2);
}

/** @param data at least the 4 bytes of a header */
function decodeTransportId(data: Buffer): TransportId | undefined {
  const format = byteAt(data, 0) >> 6;
  const protocol = byteAt(data, 0) & 0x0f;
  if (protocol === protocols.iscsi) return decodeIscsi(data, format);
  if (format !== 0) return undefined;
  switch (protocol) {
    case protocols['fibre-channel']:
      return { protocol: 'fibre-channel', portName: data.readBigUInt64BE(8) };
    case protocols['parallel-scsi']:
      return {
        protocol: 'parallel-scsi',
        scsiAddress: data.readUInt16BE(2),
        relativeTargetPort: data.readUInt16BE(6),
      };
    case protocols.sbp:
      return { protocol: 'sbp', eui64: data.readBigUInt64BE(8) };
    case protocols.srp:
      return {
        protocol: 'srp',
        initiatorPort: (data.readBigUInt64BE(8) << 64n) | data.readBigUInt64BE(16),
      };
    case protocols.sas:
      return { protocol: 'sas', address: data.readBigUInt64BE(4) };
    case protocols.sop:
      return { protocol: 'sop', routingId: data.readUInt16BE(2) };
    default:
      return undefined;
  }
}

// ADDITIONAL LENGTH is at least 20 and a multiple of 4, and the name ends with a null inside it
// (SPC-4 §7.6.4.6).
function decodeIscsi(data: Buffer, format: number): IscsiTransportId | undefined {
  const text = data.subarray(iscsiHeaderLength);
  const end = text.indexOf(0);
  if (text.length < 20 || text.length % 4 !== 0 || end === -1) return undefined;
  // Names are compared in lower case (RFC 3722).
  const [name, isid, ...more] = text.toString('latin1', 0, end).toLowerCase().split(isidSeparator);
  if (name === undefined || !isInitiatorName(name) || more.length > 0) return undefined;
  if (format === 0) return isid === undefined ? { protocol: 'iscsi', name, isid } : undefined;
  if (format !== 1 || isid === undefined || !/^[0-9a-f]{1,12}$/.test(isid)) return undefined;
  return { protocol: 'iscsi', name, isid: BigInt(`0x${isid}`) };
}

function byteAt(data: Buffer, at: number): number {
  return data[at] ?? 0;
}
