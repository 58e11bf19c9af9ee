/** Standard INQUIRY data and VPD pages (SPC-4 §6.6, §7.8; SBC-3 §6.5). */
import type { Cdb } from './cdb.js';
import { checkCondition, type CommandOutcome, goodWith } from './command-outcome.js';
import type { Designator } from './designator.js';
import type { Medium } from './medium.js';
import { invalidCdbField } from './sense.js';
import { paddedAsciiField } from './text-field.js';
import { vpdPage } from './vital-product-data.js';

/** What tells a disk from others. It must be the same on every host that serves the disk. */
export interface Identity {
  /** T10 VENDOR IDENTIFICATION, at most 8 characters. */
  readonly vendor: string;
  /** At most 16 characters. */
  readonly product: string;
  /** At most 4 characters. */
  readonly revision: string;
  /** UNIT SERIAL NUMBER, at most 252 characters. */
  readonly serial: string;
  readonly designator: Designator;
}

/** Vendor, product and revision of a disk that has no reason for its own. */
export const defaultProduct = {
  vendor: 'HOLDFAST',
  product: 'VHOST-USER DISK',
  // Not the program's version: guests tell disks apart by it.
  revision: '0001',
} as const satisfies Partial<Identity>;

const standardLength = 96;

/** VERSION DESCRIPTORs: SAM-5, SPC-4 and SBC-3, no version claimed. */
const versionDescriptors = [0x00a0, 0x0460, 0x04c0];

export function inquiry(cdb: Cdb, identity: Identity, medium: Medium): CommandOutcome {
  const vitalProductData = cdb.flag(1, 0);
  const pageCode = cdb.byte(2);
  // CMDDT, which older standards had.
  if (cdb.flag(1, 1)) return checkCondition(invalidCdbField(1, 1));
  if (!vitalProductData && pageCode !== 0) return checkCondition(invalidCdbField(2));
  const data = vitalProductData ? vpdPage(pageCode, identity, medium) : standardData(identity);
  if (data === undefined) return checkCondition(invalidCdbField(2));
  return goodWith(data, cdb.uint16(3));
}

function standardData(identity: Identity): Buffer {
  const data = standardHeader(0x00, standardLength);
  data[7] = 0x02; // CMDQUE
  paddedAsciiField(identity.vendor, 8).copy(data, 8);
  paddedAsciiField(identity.product, 16).copy(data, 16);
  paddedAsciiField(identity.revision, 4).copy(data, 32);
  versionDescriptors.forEach((code, index) => data.writeUInt16BE(code, 58 + 2 * index));
  return data;
}

/**
 * Standard data of a place where no disk is.
 * @param peripheral PERIPHERAL QUALIFIER and PERIPHERAL DEVICE TYPE
 */
export function placeholderData(peripheral: number): Buffer {
  const data = standardHeader(peripheral, 36);
  paddedAsciiField(defaultProduct.vendor, 8).copy(data, 8);
  data.fill(' ', 16, 36);
  return data;
}

/** SPC-4, HISUP, RESPONSE DATA FORMAT 2. */
function standardHeader(peripheral: number, length: number): Buffer {
  const data = Buffer.alloc(length);
  data.set([peripheral, 0x00, 0x06, 0x12, length - 5]);
  return data;
}
