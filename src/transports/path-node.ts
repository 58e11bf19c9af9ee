/** What a transport needs to know of a path to carry commands over it. */

export type PathNode = ScsiPathNode | NvmePathNode;

/** One SCSI device of the host: one I_T nexus to one logical unit. */
export interface ScsiPathNode {
  readonly kind: 'scsi';
  /** The kernel's name of the disk: `sdc`. */
  readonly name: string;
  /** HOST:CHANNEL:TARGET:LUN, as sysfs names the device. */
  readonly address: string;
  /** `/dev/sdc` */
  readonly blockNode: string;
  /** `/dev/sg3`; undefined while the sg driver has none for it. */
  readonly sgNode: string | undefined;
  /** `proc_name` of the SCSI host: `iscsi_tcp`, `qla2xxx`. Empty where sysfs has none. */
  readonly driver: string;
  /**
   * The name of the logical unit that the node must lead to: as sysfs has it (`naa.6001405...`) or
   * as multipath and udev have it (`36001405...`).
   */
  readonly wwid: string;
}

/** A namespace as the host shows it: with native multipath one node for all of its controllers. */
export interface NvmePathNode {
  readonly kind: 'nvme';
  /** The kernel's name of the disk: `nvme0n1`. */
  readonly name: string;
  /** `/dev/nvme0n1` */
  readonly blockNode: string;
  /** Names of the controllers through which the namespace is reached: `nvme0`, `nvme1`. */
  readonly controllers: readonly string[];
  /** NSID, 1 to 2^32-2. */
  readonly namespaceId: number;
  /**
   * Host Identifier of this host: 16 or 32 hexadecimal digits, as the controllers' `hostid` in sysfs
   * without its dashes; undefined where sysfs has none.
   */
  readonly hostId: string | undefined;
  /** The namespace's name as sysfs has it: `uuid.`, `eui.` or `nvme.` and more. */
  readonly wwid: string;
}
