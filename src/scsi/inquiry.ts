/** Standard INQUIRY data and VPD pages (SPC-4 §6.6, §7.8; SBC-3 §6.5). */
import type { Cdb } from './cdb.js';
import { checkCondition, type CommandOutcome, goodWith } from './command-outcome.js';
import { defaultProduct, type Identity } from './identity.js';
import type { Medium } from './medium.js';
import { invalidCdbField } from './sense.js';
import { paddedAsciiField } from './text-field.js';
import { vpdPage } from './vital-product-data.js';

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
