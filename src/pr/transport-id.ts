/**
 * The name of an initiator port, as a TransportID gives it (SPC-4 §7.6.4). Integers are the
 * big-endian value of the field of that name.
 */
export type TransportId =
  | { readonly protocol: 'fibre-channel'; readonly portName: bigint }
  | {
      readonly protocol: 'parallel-scsi';
      readonly scsiAddress: number;
      readonly relativeTargetPort: number;
    }
  | { readonly protocol: 'sbp'; readonly eui64: bigint }
  | { readonly protocol: 'srp'; readonly initiatorPort: bigint }
  | IscsiTransportId
  | { readonly protocol: 'sas'; readonly address: bigint }
  | { readonly protocol: 'sop'; readonly routingId: number }
  /** What a device showed and none of the above fits: kept as it is, whatever it means. */
  | { readonly protocol: 'other'; readonly bytes: Uint8Array };

export interface IscsiTransportId {
  readonly protocol: 'iscsi';
  /** iSCSI name without separator or terminator, at most 223 bytes of UTF-8. */
  readonly name: string;
  /** 48 bits; undefined in TPID FORMAT 00b, which names the initiator and not one of its ports. */
  readonly isid: bigint | undefined;
}

/** One canonical text per initiator port, fit for comparing and for messages. */
export function formatTransportId(id: TransportId): string {
  switch (id.protocol) {
    case 'fibre-channel':
      return `naa.${hex(id.portName, 16)}`;
    case 'parallel-scsi':
      return `spi.${id.scsiAddress},t,${id.relativeTargetPort}`;
    case 'sbp':
      return `eui.${hex(id.eui64, 16)}`;
    case 'srp':
      return `srp.${hex(id.initiatorPort, 32)}`;
    case 'iscsi':
      return id.isid === undefined ? id.name : `${id.name},i,0x${hex(id.isid, 12)}`;
    case 'sas':
      return `sas.${hex(id.address, 16)}`;
    case 'sop':
      return `sop.${hex(BigInt(id.routingId), 4)}`;
    case 'other':
      return `other.${Buffer.from(id.bytes).toString('hex')}`;
  }
}

/**
 * Whether a device may mean a port of this host by what it reports.
 * @param known of the host's port; an iSCSI name without ISID is that of any of its ports
 */
export function couldBe(known: TransportId, reported: TransportId): boolean {
  if (known.protocol === 'iscsi' && known.isid === undefined) {
    return reported.protocol === 'iscsi' && reported.name === known.name;
  }
  return formatTransportId(known) === formatTransportId(reported);
}

function hex(value: bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
