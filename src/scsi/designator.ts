/** The name of a logical unit that VPD page 83h gives first: an NAA or EUI-64 designator. */
import { createHash } from 'node:crypto';

export interface Designator {
  readonly kind: 'naa' | 'eui';
  /** NAA: 8 or 16 bytes; EUI-64: 8, 12 or 16 bytes (SPC-4 §7.8.6.5, §7.8.6.6). */
  readonly bytes: Buffer;
}

const euiLengths = [8, 12, 16];

/**
 * Bytes of an NAA designator by its first hex digit: IEEE Extended, Locally Assigned, IEEE
 * Registered, IEEE Registered Extended.
 */
const naaLengths = new Map([
  [0x2, 8],
  [0x3, 8],
  [0x5, 8],
  [0x6, 16],
]);

/**
 * Reads `naa.` or `eui.` and hex digits, as Linux shows them in a SCSI device's wwid.
 * @returns undefined if it is neither or has a wrong number of digits
 */
export function parseDesignator(text: string): Designator | undefined {
  const [, kind, digits] = /^(naa|eui)\.((?:[0-9a-f]{2})+)$/i.exec(text) ?? [];
  if (kind === undefined || digits === undefined) return undefined;
  const bytes = Buffer.from(digits, 'hex');
  if (kind.toLowerCase() === 'naa') {
    return naaLengths.get(bytes.readUInt8(0) >> 4) === bytes.length
      ? { kind: 'naa', bytes }
      : undefined;
  }
  return euiLengths.includes(bytes.length) ? { kind: 'eui', bytes } : undefined;
}

export function formatDesignator({ kind, bytes }: Designator): string {
  return `${kind}.${bytes.toString('hex')}`;
}

/**
 * A designator made from a text that names the disk, the same for the same text on every host: NAA
 * IEEE Registered Extended (6h), the one format that udev, multipath and Windows all use. Its
 * company id 52-54-00 is QEMU's: locally administered, so no vendor's. The other 100 bits are of a
 * SHA-256 of `seed`.
 */
export function derivedDesignator(seed: string): Designator {
  const bytes = Buffer.alloc(16);
  createHash('sha256').update(`logical unit ${seed}`).digest().copy(bytes, 3);
  bytes.writeUInt32BE(0x6_525_400_0 | (bytes.readUInt8(3) & 0x0f), 0);
  return { kind: 'naa', bytes };
}
