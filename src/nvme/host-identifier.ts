/**
 * Host identifiers as SCSI shows registrants, and the reverse.
 *
 * SPC-4 has no TransportID for NVMe. A host is shown as an iSCSI initiator, the one kind of name that
 * people read and that belongs to whoever owns a domain: `iqn.2014-08.org.nvmexpress:uuid:` and the
 * identifier as a UUID, which is how hosts name themselves to NVMe (`nqn.2014-08.org.nvmexpress:uuid:`)
 * unless told otherwise. It has no ISID: an NVMe registration is the host's, not one of its ports'. So
 * ALL_TG_PT is set, too, and the port identifier says nothing.
 */
import { createHash } from 'node:crypto';
import { type Nexus, nexusOf } from '../pr/nexus.js';

/** 16 or 32 hexadecimal digits in lower case: 64 or 128 bits, in the order of their bytes. */
export type HostIdentifier = string;

const prefix128 = 'iqn.2014-08.org.nvmexpress:uuid:';
const prefix64 = 'iqn.2014-08.org.nvmexpress:hostid:';

export function nexusOfHost(hostId: HostIdentifier): Nexus {
  const name = hostId.length === 32 ? prefix128 + asUuid(hostId) : prefix64 + hostId;
  return nexusOf({ protocol: 'iscsi', name, isid: undefined }, 0);
}

/**
 * The identifier of 128 bits under which an NVMe host is shown a registrant. What is no NVMe host
 * gets one from its nexus: always the same, never zero, and unlike that of any other.
 */
export function hostOfNexus(nexus: Nexus): HostIdentifier {
  const { transportId } = nexus;
  const name = transportId.protocol === 'iscsi' ? transportId.name : '';
  const digits = name.startsWith(prefix128) ? name.slice(prefix128.length).replaceAll('-', '') : '';
  return /^[0-9a-f]{32}$/.test(digits) ? digits : derivedFrom(nexus.id);
}

/** A UUID of version 8 (RFC 9562) from a SHA-256. */
function derivedFrom(text: string): HostIdentifier {
  const bytes = createHash('sha256').update(`nvme host ${text}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex');
}

function asUuid(digits: string): string {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
