import type { TransportId } from '../pr/transport-id.js';
import type { PathCondition } from './path-condition.js';

/** What can be known of a path without opening anything. */
export type PathFacts = ScsiPath | NvmePath;

interface CommonFacts {
  /** As `Path.id`: the I_T nexus by the names of its ports where sysfs has them. */
  readonly id: string;
  /** The kernel's name of the block device, `sda`. */
  readonly name: string;
  /** Which device bears that name: a number that the kernel never gives twice (diskseq). */
  readonly instance: string;
  /** `8:0`. */
  readonly deviceNumber: string;
  /**
   * The logical unit's worldwide name as this path gives it, `naa.6001405...`; undefined if it
   * gives none.
   */
  readonly wwid: string | undefined;
  readonly condition: PathCondition;
  /** As `Path.initiator`; an iSCSI port without its ISID. */
  readonly initiator: TransportId | undefined;
  /** The device's folder in sysfs, relative to the root. */
  readonly folder: string;
}

export interface ScsiPath extends CommonFacts {
  readonly kind: 'scsi';
  /** `2:0:0:1`: host, channel, target, LUN. */
  readonly address: string;
  /** `sg3`; undefined where the sg driver is not loaded. */
  readonly genericName: string | undefined;
  /** `iscsi_tcp`, `qla2xxx`; empty where sysfs has none. */
  readonly driver: string;
}

export interface NvmePath extends CommonFacts {
  readonly kind: 'nvme';
  /** One with native multipath off, else all that lead to the namespace. */
  readonly controllers: readonly NvmeController[];
  /** NSID. */
  readonly namespaceId: number;
  /** 16 or 32 hexadecimal digits; undefined where sysfs has none. */
  readonly hostId: string | undefined;
  /** As `Path.lateExecutionMs`. */
  readonly lateExecutionMs: number;
}

export interface NvmeController {
  /** `nvme0`. */
  readonly name: string;
  readonly condition: PathCondition;
}
