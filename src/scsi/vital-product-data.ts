/** VPD pages of a disk (SPC-4 §7.8, SBC-3 §6.5). */
import { emulatedTargetPort } from '../pr/nexus.js';
import type { Designator } from './designator.js';
import type { Identity } from './identity.js';
import type { Medium } from './medium.js';
import { asciiField, paddedAsciiField } from './text-field.js';

const serialLengthMax = 252;

type PageBody = (identity: Identity, medium: Medium) => Buffer;

/** In the ascending order in which page 00h lists them. */
const pageBodies: ReadonlyMap<number, PageBody> = new Map<number, PageBody>([
  [0x00, () => Buffer.from([...pageBodies.keys()])],
  [0x80, ({ serial }) => asciiField(serial, serialLengthMax)],
  [0x83, deviceIdentification],
  [0x86, extendedInquiry],
  [0xb0, (_, medium) => blockLimits(medium)],
  [0xb1, blockDeviceCharacteristics],
  [0xb2, (_, medium) => logicalBlockProvisioning(medium)],
]);

/** @returns the whole page, header included; undefined if there is none of that code */
export function vpdPage(pageCode: number, identity: Identity, medium: Medium): Buffer | undefined {
  const body = pageBodies.get(pageCode)?.(identity, medium);
  if (body === undefined) return undefined;
  const header = Buffer.from([0x00, pageCode, 0, 0]);
  header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

// Windows and some multipath tools take the first designator of the logical unit for its name,
// whatever follows.
function deviceIdentification({ vendor, serial, designator }: Identity): Buffer {
  const t10VendorId = Buffer.concat([paddedAsciiField(vendor, 8), asciiField(serial, 247)]);
  const relativeTargetPort = Buffer.alloc(4);
  relativeTargetPort.writeUInt16BE(emulatedTargetPort, 2);
  return Buffer.concat([
    logicalUnitDesignator(designator),
    designationDescriptor({ codeSet: 0x2, association: 0, type: 0x1 }, t10VendorId),
    designationDescriptor({ codeSet: 0x1, association: 1, type: 0x4 }, relativeTargetPort),
  ]);
}

function logicalUnitDesignator({ kind, bytes }: Designator): Buffer {
  const type = kind === 'naa' ? 0x3 : 0x2;
  return designationDescriptor({ codeSet: 0x1, association: 0, type }, bytes);
}

interface DesignatorMeaning {
  /** 1 binary, 2 ASCII. */
  readonly codeSet: number;
  /** 0 logical unit, 1 target port. */
  readonly association: number;
  readonly type: number;
}

function designationDescriptor(meaning: DesignatorMeaning, designator: Buffer): Buffer {
  const { codeSet, association, type } = meaning;
  const header = [codeSet, (association << 4) | type, 0, designator.length];
  return Buffer.concat([Buffer.from(header), designator]);
}

function extendedInquiry(): Buffer {
  const body = Buffer.alloc(60);
  body[1] = 0x01; // SIMPSUP
  body[2] = 0x01; // V_SUP: a volatile cache
  return body;
}

function blockLimits({ limits, physicalBlockExponent }: Medium): Buffer {
  const body = Buffer.alloc(60);
  // WSNZ: a WRITE SAME of zero blocks, to the end of the disk, could pass the limit.
  body[0] = 0x01;
  body[1] = limits.compareAndWriteBlocks;
  body.writeUInt16BE(2 ** physicalBlockExponent, 2); // OPTIMAL TRANSFER LENGTH GRANULARITY
  body.writeUInt32BE(limits.unmapBlocks, 16);
  body.writeUInt32BE(limits.unmapDescriptors, 20);
  body.writeUInt32BE(limits.unmapGranularity, 24);
  body.writeUInt32BE(limits.unmapGranularity === 0 ? 0 : 0x8000_0000, 28); // UGAVALID
  body.writeBigUInt64BE(BigInt(limits.writeSameBlocks), 32);
  return body;
}

function blockDeviceCharacteristics(): Buffer {
  const body = Buffer.alloc(60);
  body.writeUInt16BE(0x0001, 0); // non-rotating medium
  return body;
}

function logicalBlockProvisioning({ thinProvisioned, unmappedReadsZero }: Medium): Buffer {
  const unmapAndWriteSame = 0xe0; // LBPU, LBPWS, LBPWS10
  const readsZero = unmappedReadsZero ? 0x04 : 0; // LBPRZ
  const thin = 0x02; // PROVISIONING TYPE
  return Buffer.from(thinProvisioned ? [0, unmapAndWriteSame | readsZero, thin, 0] : [0, 0, 0, 0]);
}
