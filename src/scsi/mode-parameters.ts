/** MODE SENSE and MODE SELECT (SPC-4 §6.11 to §6.14), headers and block descriptors included. */
import type { Cdb } from './cdb.js';
import { checkCondition, type CommandOutcome, type Decoded, goodWith } from './command-outcome.js';
import type { Medium } from './medium.js';
import {
  modePage,
  modePageCodes,
  type ModeSettings,
  type PageControl,
  settingsOf,
} from './mode-pages.js';
import {
  invalidCdbField,
  invalidParameterField,
  parameterListLengthError,
  savingParametersNotSupported,
} from './sense.js';

/** Where the 6-byte and the 10-byte commands differ. Offsets and lengths in bytes. */
export interface ModeForm {
  readonly headerLength: number;
  /** Bytes of MODE DATA LENGTH, which does not count itself. */
  readonly lengthBytes: number;
  readonly deviceSpecificAt: number;
  readonly readLength: (cdb: Cdb) => number;
  readonly descriptorLength: (header: Buffer) => number;
}

export const modeForm6: ModeForm = {
  headerLength: 4,
  lengthBytes: 1,
  deviceSpecificAt: 2,
  readLength: (cdb) => cdb.byte(4),
  descriptorLength: (header) => header.readUInt8(3),
};

export const modeForm10: ModeForm = {
  headerLength: 8,
  lengthBytes: 2,
  deviceSpecificAt: 3,
  readLength: (cdb) => cdb.uint16(7),
  descriptorLength: (header) => header.readUInt16BE(6),
};

const allPages = 0x3f;
const allSubpages = 0xff;
const pageControls: readonly (PageControl | 'saved')[] = [
  'current',
  'changeable',
  'default',
  'saved',
];

export function modeSense(
  cdb: Cdb,
  form: ModeForm,
  settings: ModeSettings,
  medium: Medium,
): CommandOutcome {
  const subpage = cdb.byte(3);
  const control = pageControls[cdb.bits(2, 7, 6)];
  if (control === undefined || control === 'saved') {
    return checkCondition(savingParametersNotSupported);
  }
  if (subpage !== 0 && subpage !== allSubpages) return checkCondition(invalidCdbField(3));
  const wanted = cdb.bits(2, 5, 0);
  const codes = wanted === allPages ? modePageCodes : [wanted];
  const pages = codes.map((code) => modePage(code, control, settings));
  if (!pages.every((page) => page !== undefined)) return checkCondition(invalidCdbField(2, 5));

  const longLba = form === modeForm10 && cdb.flag(1, 4);
  const withoutDescriptor = cdb.flag(1, 3);
  const descriptor = withoutDescriptor ? Buffer.alloc(0) : blockDescriptor(medium, longLba);
  const header = Buffer.alloc(form.headerLength);
  const data = Buffer.concat([header, descriptor, ...pages]);
  data.writeUIntBE(data.length - form.lengthBytes, 0, form.lengthBytes);
  data[form.deviceSpecificAt] = deviceSpecificParameter(settings, medium);
  if (longLba) data[form.deviceSpecificAt + 1] = 0x01;
  data[form.headerLength - 1] = descriptor.length;
  return goodWith(data, form.readLength(cdb));
}

function deviceSpecificParameter(settings: ModeSettings, medium: Medium): number {
  const writeProtected = medium.readOnly || settings.softwareWriteProtect;
  const dpoAndFua = 0x10;
  return (writeProtected ? 0x80 : 0) | dpoAndFua;
}

const shortDescriptorLength = 8;
const longDescriptorLength = 16;

function blockDescriptor({ blocks, blockSize }: Medium, longLba: boolean): Buffer {
  const descriptor = Buffer.alloc(longLba ? longDescriptorLength : shortDescriptorLength);
  if (longLba) {
    descriptor.writeBigUInt64BE(blocks, 0);
    descriptor.writeUInt32BE(blockSize, 12);
  } else {
    descriptor.writeUInt32BE(blocks > 0xffff_ffffn ? 0xffff_ffff : Number(blocks), 0);
    descriptor.writeUIntBE(blockSize, 5, 3);
  }
  return descriptor;
}

/**
 * Settings that a MODE SELECT asks for. Nothing is taken over unless all of the list is right.
 * @param sent the bytes the initiator sent, at least those of PARAMETER LIST LENGTH
 * @returns refusals: 5/24/00 without PF or with SP, 5/1A/00 for a list that ends inside a header,
 *   descriptor or page, 5/26/00 for a page or a value that can't be had
 */
export function decodeModeSelect(
  cdb: Cdb,
  form: ModeForm,
  sent: Buffer,
  current: ModeSettings,
  medium: Medium,
): Decoded<ModeSettings> {
  if (!cdb.flag(1, 4)) return { refusal: invalidCdbField(1, 4) }; // PF
  if (cdb.flag(1, 0)) return { refusal: invalidCdbField(1, 0) }; // SP
  const length = form.readLength(cdb);
  if (length === 0) return { value: current };
  if (length > sent.length || length < form.headerLength) {
    return { refusal: parameterListLengthError };
  }
  const list = sent.subarray(0, length);
  const longLba = form === modeForm10 && (list.readUInt8(4) & 0x01) !== 0;
  const firstPage = form.headerLength + form.descriptorLength(list);
  if (firstPage > length) return { refusal: parameterListLengthError };
  if (!describes(list.subarray(form.headerLength, firstPage), medium, longLba)) {
    return { refusal: invalidParameterField(form.headerLength) };
  }
  return decodePages(list, firstPage, current);
}

/** Whether a block descriptor, if there is one, names the blocks that the disk has. */
function describes(descriptor: Buffer, medium: Medium, longLba: boolean): boolean {
  if (descriptor.length === 0) return true;
  const own = blockDescriptor(medium, longLba);
  // NUMBER OF LOGICAL BLOCKS: zero stands for the present number (SBC-3 §6.4.2).
  const countLength = longLba ? 8 : 4;
  const count = descriptor.subarray(0, countLength);
  const sameCount = count.equals(own.subarray(0, countLength)) || count.every((byte) => byte === 0);
  return sameCount && descriptor.subarray(countLength).equals(own.subarray(countLength));
}

function decodePages(list: Buffer, first: number, current: ModeSettings): Decoded<ModeSettings> {
  let settings = current;
  for (let offset = first; offset < list.length;) {
    const rest = list.subarray(offset);
    if (rest.length < 2) return { refusal: parameterListLengthError };
    const pageAndSpf = rest.readUInt8(0) & 0x7f; // PS means nothing here
    const own = modePage(pageAndSpf, 'current', current);
    const changeable = modePage(pageAndSpf, 'changeable', current);
    if (own === undefined || changeable === undefined) {
      return { refusal: invalidParameterField(offset, 5) };
    }
    if (rest[1] !== own[1]) return { refusal: invalidParameterField(offset + 1) };
    if (rest.length < own.length) return { refusal: parameterListLengthError };
    const page = Buffer.from(rest.subarray(0, own.length));
    page[0] = pageAndSpf;
    const fixed = firstFixedDifference(page, own, changeable);
    if (fixed !== -1) return { refusal: invalidParameterField(offset + fixed) };
    settings = settingsOf(page, settings);
    offset += own.length;
  }
  return { value: settings };
}

/** Index of the first byte that differs in a bit which can't be changed, or -1. */
function firstFixedDifference(page: Buffer, own: Buffer, changeable: Buffer): number {
  return page.findIndex((byte, index) => {
    const different = byte ^ (own[index] ?? 0);
    return (different & ~(changeable[index] ?? 0)) !== 0;
  });
}
