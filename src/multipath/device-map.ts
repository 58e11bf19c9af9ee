/** Device-mapper maps as sysfs shows them. */
import type { Sysfs } from './sysfs.js';

export interface MapFacts {
  /** `mpatha`. */
  readonly name: string;
  /** `mpath-` and the name multipathd has for the logical unit. */
  readonly uuid: string;
  /** The map is suspended: I/O waits. */
  readonly suspended: boolean;
}

const multipathPrefix = 'mpath-';

/**
 * A dm-multipath map of a whole logical unit.
 * @param name `dm-0`
 * @returns undefined if it is anything else
 */
export function readMap(sysfs: Sysfs, name: string): MapFacts | undefined {
  const uuid = sysfs.text(`block/${name}/dm/uuid`);
  if (uuid?.startsWith(multipathPrefix) !== true) return undefined;
  return {
    name: sysfs.text(`block/${name}/dm/name`) ?? name,
    uuid,
    suspended: sysfs.text(`block/${name}/dm/suspended`) === '1',
  };
}

/** What multipathd calls the logical unit: `36001405...`. */
export function multipathdWwid({ uuid }: MapFacts): string {
  return uuid.slice(multipathPrefix.length);
}

/** The multipath map that a disk is a path of; undefined if none. */
export function wholeDiskMap(sysfs: Sysfs, name: string): string | undefined {
  return sysfs
    .names(`block/${name}/holders`)
    .find((holder) => readMap(sysfs, holder) !== undefined);
}

export interface MapKind {
  /** A multipath map: the whole logical unit. */
  readonly whole: boolean;
  /** Fit for messages: `a logical volume (vg-lv)`. */
  readonly description: string;
}

/** @returns undefined if it is no device-mapper map at all */
export function mapKind(sysfs: Sysfs, name: string): MapKind | undefined {
  if (!sysfs.has(`block/${name}/dm`)) return undefined;
  const uuid = sysfs.text(`block/${name}/dm/uuid`) ?? '';
  const mapName = sysfs.text(`block/${name}/dm/name`) ?? name;
  return {
    whole: uuid.startsWith(multipathPrefix),
    description: `${describeUuid(uuid)} (${mapName})`,
  };
}

/** Who makes maps puts its own prefix before their uuid. */
function describeUuid(uuid: string): string {
  if (uuid.startsWith(multipathPrefix)) return 'a multipath map';
  if (/^part\d+-/.test(uuid)) return 'a partition';
  if (uuid.startsWith('LVM-')) return 'a logical volume';
  if (uuid.startsWith('CRYPT-')) return 'an encrypted volume';
  return 'a device-mapper map of another kind';
}
