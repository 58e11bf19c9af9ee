/** Logical unit numbers in bytes (SAM-5 §4.7) and in virtio-scsi's request header. */

/** Single-level LUNs of the flat space addressing method have 14 bits. */
export const lunMax = 0x3fff;
export const lunLength = 8;

const peripheralMethod = 0b00;
const flatMethod = 0b01;
/** Extended addressing of length 0 and method 1: well-known logical unit 01h, REPORT LUNS. */
const reportLunsWellKnown = 0xc101;

export type LunAddress =
  | { readonly kind: 'logical-unit'; readonly lun: number }
  /** The well-known logical unit that only reports the others. */
  | { readonly kind: 'report-luns' }
  /** A form that names no logical unit here: several levels, buses, other well-known units. */
  | { readonly kind: 'unknown' };

/**
 * @param lun the 8 bytes of virtio_scsi_req_cmd (virtio 1.4, 5.6.6.1): 1, target, then a
 *   single-level LUN; or C1 01 and zeros. Whether the target is there is not judged here.
 */
export function decodeVirtioLun(lun: Buffer): LunAddress {
  if (lun.length < lunLength) return { kind: 'unknown' };
  const single = lun.readUInt16BE(0) === reportLunsWellKnown ? 0 : 2;
  if (lun.subarray(single + 2, lunLength).some((byte) => byte !== 0)) return { kind: 'unknown' };
  if (single === 2 && lun[0] !== 1) return { kind: 'unknown' };
  return decodeSingleLevel(lun.readUInt16BE(single));
}

function decodeSingleLevel(field: number): LunAddress {
  if (field === reportLunsWellKnown) return { kind: 'report-luns' };
  switch (field >> 14) {
    case peripheralMethod:
      // Bits 8 to 13 would name a bus behind the target.
      return field > 0xff ? { kind: 'unknown' } : { kind: 'logical-unit', lun: field };
    case flatMethod:
      return { kind: 'logical-unit', lun: field & lunMax };
    default:
      return { kind: 'unknown' };
  }
}

/** The 8 bytes of a LUN in REPORT LUNS data: peripheral addressing as far as it goes, then flat. */
export function encodeLun(lun: number): Buffer {
  const data = Buffer.alloc(lunLength);
  data.writeUInt16BE(lun > 0xff ? (flatMethod << 14) | lun : lun, 0);
  return data;
}

export function encodeReportLunsWellKnown(): Buffer {
  const data = Buffer.alloc(lunLength);
  data.writeUInt16BE(reportLunsWellKnown, 0);
  return data;
}
