import { formatTransportId, type IscsiTransportId, type TransportId } from './transport-id.js';

/** `INITIATOR-PORT,t,0xRTPI`: what a registration belongs to; equal text means the same nexus. */
export type NexusId = string;

/** An I_T nexus: one initiator port seen through one target port of the logical unit. */
export interface Nexus {
  readonly id: NexusId;
  readonly transportId: TransportId;
  /** RELATIVE TARGET PORT IDENTIFIER, 1 to 65535. */
  readonly relativeTargetPort: number;
}

/** The one target port of a disk that holdfast itself emulates. */
export const emulatedTargetPort = 1;

export function nexusOf(transportId: TransportId, relativeTargetPort: number): Nexus {
  const port = relativeTargetPort.toString(16).padStart(4, '0');
  return {
    id: `${formatTransportId(transportId)},t,0x${port}`,
    transportId,
    relativeTargetPort,
  };
}

/**
 * The port of an initiator that has one port only, with ISID 0: vhost-user knows no transport of
 * its own, and of those a TransportID can name only iSCSI's has names that people choose.
 */
export function initiatorPort(name: string): IscsiTransportId {
  return { protocol: 'iscsi', name: name.toLowerCase(), isid: 0n };
}

/**
 * The nexus of a guest attached under a stable initiator name.
 * @param name an iSCSI name, see `isInitiatorName`
 */
export function guestNexus(name: string): Nexus {
  return nexusOf(initiatorPort(name), emulatedTargetPort);
}

/** The inverse of `guestNexus(name).id`; undefined if no guest can have that nexus. */
export function guestNexusWithId(id: NexusId): Nexus | undefined {
  const name = id.split(',', 1)[0] ?? '';
  if (!isInitiatorName(name)) return undefined;
  const nexus = guestNexus(name);
  return nexus.id === id ? nexus : undefined;
}

const longestName = 223;
// RFC 3720 §3.2.6.3, after the mapping to lower case; the comma separates name and ISID.
const namePattern =
  /^(iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9][a-z0-9.:-]*|eui\.[0-9a-f]{16}|naa\.([0-9a-f]{16}|[0-9a-f]{32}))$/;

/** Whether `name` is an iSCSI name (iqn., eui. or naa.) of ASCII characters, in any case. */
export function isInitiatorName(name: string): boolean {
  return name.length <= longestName && namePattern.test(name.toLowerCase());
}
