/** Sense data that a device returned (SPC-4 §4.5), fixed or descriptor format. */
import type { Sense } from '../pr/sense.js';

/** What a driver and a helper hand on at most; a guest's sense buffer is as long. Bytes. */
export const senseLengthMax = 96;

/** Response codes; those of deferred errors mean that the command itself was not processed. */
const fixed = [0x70, 0x71];
const descriptor = [0x72, 0x73];

/**
 * @param data the bytes the device returned; what a short one lacks counts as zero
 * @returns undefined if that is no sense data: none at all, or of a vendor's own format
 */
export function decodeSense(data: Uint8Array): Sense | undefined {
  const raw = Uint8Array.from(data.subarray(0, senseLengthMax));
  const byte = (at: number) => raw[at] ?? 0;
  const responseCode = byte(0) & 0x7f;
  if (fixed.includes(responseCode)) {
    return { senseKey: byte(2) & 0x0f, asc: byte(12), ascq: byte(13), raw };
  }
  if (descriptor.includes(responseCode)) {
    return { senseKey: byte(1) & 0x0f, asc: byte(2), ascq: byte(3), raw };
  }
  return undefined;
}
