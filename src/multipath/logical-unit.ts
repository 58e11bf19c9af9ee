/** From what a user names to the logical unit behind it, and what is known of its paths now. */
import { statSync } from 'node:fs';
import { deviceNumber } from '../util/device-number.js';
import { errnoOf, ExitCode, Failure, messageOf } from '../util/failure.js';
import { mapKind, readMap, wholeDiskMap, type MapFacts } from './device-map.js';
import { readNvmePath } from './nvme-path.js';
import type { PathFacts } from './path-facts.js';
import { readScsiPath } from './scsi-path.js';
import type { Sysfs } from './sysfs.js';

/** The device that carries the data: a dm-multipath map, or the one disk or namespace. */
export interface UnitDevice {
  /** The kernel's name: `dm-0`, `sda`, `nvme0n1`. */
  readonly name: string;
  readonly wwid: string;
  /** The map as it was found; undefined if there is none. */
  readonly map: MapFacts | undefined;
}

export interface PathsNow {
  /** All that lead to the logical unit. */
  readonly paths: readonly PathFacts[];
  /** Below the same map but of another logical unit, or of one that tells no name: never used. */
  readonly strangers: readonly PathFacts[];
}

/**
 * Finds the logical unit that a device node leads to. A disk below a multipath map means the map.
 * @param path a map, a disk, a namespace, or any link to one
 * @throws Failure (image) that says why the device can't have reservations and which one can
 */
export function findLogicalUnit(sysfs: Sysfs, path: string): UnitDevice {
  return logicalUnitOf(sysfs, blockDeviceNumber(path), path);
}

/**
 * The same for an opened device.
 * @param deviceNumber `253:0`
 * @param path for messages
 */
export function logicalUnitOf(sysfs: Sysfs, deviceNumber: string, path: string): UnitDevice {
  const given = sysfs.blockName(deviceNumber);
  if (given === undefined) throw unfit(`${path} is unknown to this kernel: is it a stale node?`);
  refusePart(sysfs, path, given);
  const name = wholeDiskMap(sysfs, given) ?? given;
  const map = readMap(sysfs, name);
  const [first] = readPaths(sysfs, name);
  if (first === undefined) {
    throw unfit(
      map === undefined
        ? `${path} (${name}) is neither a SCSI disk, nor an NVMe namespace, nor a dm-multipath map of such`
        : `the multipath map ${map.name} has no path now, so its logical unit can't be told: bring a path back first`,
    );
  }
  if (first.wwid === undefined) {
    throw unfit(
      `${first.name} gives its logical unit no worldwide name (VPD page 83h), so another logical unit could not be told from it`,
    );
  }
  return { name, wwid: first.wwid, map };
}

/** Reads the paths as they are now. None, once the device is gone or its name has another. */
export function readPathsOf(sysfs: Sysfs, device: UnitDevice): PathsNow {
  if (readMap(sysfs, device.name)?.uuid !== device.map?.uuid) return { paths: [], strangers: [] };
  const all = readPaths(sysfs, device.name);
  const leadsThere = ({ wwid }: PathFacts) => wwid === device.wwid;
  return {
    paths: all.filter(leadsThere),
    strangers: all.filter((path) => !leadsThere(path)),
  };
}

/** Fit for messages: `mpatha (naa.6001405...)`. */
export function unitName({ name, wwid, map }: UnitDevice): string {
  return `${map?.name ?? name} (${wwid})`;
}

function readPaths(sysfs: Sysfs, name: string): PathFacts[] {
  const names = readMap(sysfs, name) === undefined ? [name] : sysfs.names(`block/${name}/slaves`);
  return names.flatMap((path) => readScsiPath(sysfs, path) ?? readNvmePath(sysfs, path) ?? []);
}

function refusePart(sysfs: Sysfs, path: string, name: string): void {
  if (sysfs.has(`class/block/${name}/partition`)) {
    const disk = sysfs.resolve(`class/block/${name}`)?.split('/').at(-2);
    throw unfit(
      `${path} is a partition of ${disk}, and reservations are of the whole logical unit: give /dev/${disk}`,
    );
  }
  const kind = mapKind(sysfs, name);
  if (kind === undefined || kind.whole) return;
  throw unfit(
    `${path} is ${kind.description}, and reservations are of the whole logical unit: give the multipath map or the disk itself`,
  );
}

function blockDeviceNumber(path: string): string {
  try {
    const stats = statSync(path);
    if (stats.isBlockDevice()) return deviceNumber(stats.rdev);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw unfit(`${path} does not exist`);
    throw unfit(`${path} can't be looked at: ${messageOf(error)}`);
  }
  throw unfit(`${path} is not a block device: only devices have reservations of their own`);
}

function unfit(message: string): Failure {
  return new Failure(ExitCode.image, message);
}
