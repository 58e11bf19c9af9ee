/** Sense data (SPC-4 §4.5): what a CHECK CONDITION says, and its two formats. */
import { invalidFieldInCdb, invalidFieldInParameterList, type Sense } from '../pr/sense.js';

/** The field in error, in the sense-key specific bytes of ILLEGAL REQUEST (SPC-4 §4.5.2.4.2). */
export interface FieldPointer {
  readonly of: 'cdb' | 'parameter-list';
  readonly byte: number;
  /** Most significant bit of the field; undefined when the field begins at the byte. */
  readonly bit: number | undefined;
}

export interface ScsiSense extends Sense {
  /** INFORMATION: for a disk the logical block address the error is about (SBC-3 §4.18.1). */
  readonly information?: bigint;
  readonly field?: FieldPointer;
}

const senseKeys = { noSense: 0x0, illegalRequest: 0x5, unitAttention: 0x6 } as const;

function illegalRequest(asc: number, ascq: number): Sense {
  return { senseKey: senseKeys.illegalRequest, asc, ascq };
}

function unitAttention(asc: number, ascq: number): Sense {
  return { senseKey: senseKeys.unitAttention, asc, ascq };
}

export const noSense: Sense = { senseKey: senseKeys.noSense, asc: 0x00, ascq: 0x00 };

export const parameterListLengthError = illegalRequest(0x1a, 0x00);
export const invalidCommandOperationCode = illegalRequest(0x20, 0x00);
export const logicalUnitNotSupported = illegalRequest(0x25, 0x00);
export const savingParametersNotSupported = illegalRequest(0x39, 0x00);

/** POWER ON, RESET, OR BUS DEVICE RESET OCCURRED: the nexus is new. */
export const powerOnOrReset = unitAttention(0x29, 0x00);
/** BUS DEVICE RESET FUNCTION OCCURRED: a logical unit reset (SAM-5 §6.3.3). */
export const logicalUnitWasReset = unitAttention(0x29, 0x03);
export const nexusLossOccurred = unitAttention(0x29, 0x07);
export const modeParametersChanged = unitAttention(0x2a, 0x01);
export const capacityDataHasChanged = unitAttention(0x2a, 0x09);
export const reportedLunsDataHasChanged = unitAttention(0x3f, 0x0e);

/** LOGICAL UNIT COMMUNICATION FAILURE: it may be reached later. */
export const logicalUnitCommunicationFailure: Sense = { senseKey: 0xb, asc: 0x08, ascq: 0x00 };

/** LOGICAL BLOCK ADDRESS OUT OF RANGE. @param first the first block that could not be addressed */
export function lbaOutOfRange(first: bigint): ScsiSense {
  return { ...illegalRequest(0x21, 0x00), information: first };
}

/** INVALID FIELD IN CDB. @param bit most significant bit of a field that begins inside `byte` */
export function invalidCdbField(byte: number, bit?: number): ScsiSense {
  return { ...invalidFieldInCdb, field: { of: 'cdb', byte, bit } };
}

/** INVALID FIELD IN PARAMETER LIST. @param bit as for `invalidCdbField` */
export function invalidParameterField(byte: number, bit?: number): ScsiSense {
  return { ...invalidFieldInParameterList, field: { of: 'parameter-list', byte, bit } };
}

export type SenseFormat = 'fixed' | 'descriptor';

/**
 * Current sense data of 18 bytes (fixed) or 8 to 28 bytes (descriptor); a device's own as it is,
 * whose response code says which format that is.
 */
export function encodeSense(sense: ScsiSense, format: SenseFormat): Buffer {
  if (sense.raw !== undefined) return Buffer.from(sense.raw);
  return format === 'fixed' ? encodeFixed(sense) : encodeDescriptors(sense);
}

function encodeFixed(sense: ScsiSense): Buffer {
  const data = Buffer.alloc(18);
  data[0] = 0x70;
  data[2] = sense.senseKey;
  // Four bytes only: an address that doesn't fit is left out and VALID stays zero.
  if (sense.information !== undefined && sense.information <= 0xffff_ffffn) {
    data[0] |= 0x80;
    data.writeUInt32BE(Number(sense.information), 3);
  }
  data[7] = data.length - 8;
  data[12] = sense.asc;
  data[13] = sense.ascq;
  if (sense.field !== undefined) encodeFieldPointer(sense.field).copy(data, 15);
  return data;
}

function encodeDescriptors(sense: ScsiSense): Buffer {
  const descriptors: Buffer[] = [];
  if (sense.information !== undefined) {
    const descriptor = Buffer.from([0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    descriptor.writeBigUInt64BE(sense.information, 4);
    descriptors.push(descriptor);
  }
  if (sense.field !== undefined) {
    const descriptor = Buffer.from([0x02, 0x06, 0, 0, 0, 0, 0, 0]);
    encodeFieldPointer(sense.field).copy(descriptor, 4);
    descriptors.push(descriptor);
  }
  const body = Buffer.concat(descriptors);
  const header = [0x72, sense.senseKey, sense.asc, sense.ascq, 0, 0, 0, body.length];
  return Buffer.concat([Buffer.from(header), body]);
}

function encodeFieldPointer({ of, byte, bit }: FieldPointer): Buffer {
  const sksv = 0x80;
  const commandData = of === 'cdb' ? 0x40 : 0;
  const bitPointer = bit === undefined ? 0 : 0x08 | bit;
  const data = Buffer.from([sksv | commandData | bitPointer, 0, 0]);
  data.writeUInt16BE(byte, 1);
  return data;
}
