/** The serial number a guest sees when the user names none. */
import { createHash } from 'node:crypto';
import { fstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { deviceNumber } from '../util/device-number.js';
import type { Image } from './image.js';

/** VIRTIO_BLK_ID_BYTES (virtio 1.4, 5.2.6): the length of the string GET_ID returns. */
export const serialLengthMax = 20;

// What udev names disks by, the most specific first. None: RAM disks, loop devices.
const identityFiles = ['dm/uuid', 'device/wwid', 'wwid', 'device/serial', 'serial'];

/**
 * A serial that stays the same over restarts, and on every host for a device with an identity of
 * its own: `hf` and 18 hex digits of a hash of that identity, or of the image's real path.
 */
export function defaultSerial(image: Image): string {
  const identity = deviceIdentity(image) ?? realpathSync(image.path);
  return `hf${createHash('sha256')
    .update(identity)
    .digest('hex')
    .slice(0, serialLengthMax - 2)}`;
}

/** What udev names a device by, such as `naa.6001…`; undefined for an image and for RAM disks. */
export function deviceIdentity(image: Image): string | undefined {
  if (!image.isBlockDevice) return undefined;
  return identityOf(`/sys/dev/block/${deviceNumber(fstatSync(image.fd).rdev)}`);
}

/**
 * A multipath map is its logical unit, so a guest is shown the same as over one path, on whichever
 * host; any other map is a device of its own.
 * @param device its folder in sysfs
 */
export function identityOf(device: string): string | undefined {
  const isMultipath = readIdentity(`${device}/dm/uuid`).startsWith('mpath-');
  const folders = isMultipath ? [...pathsOf(device), device] : [device];
  const files = folders.flatMap((folder) => identityFiles.map((file) => `${folder}/${file}`));
  return files.map(readIdentity).find((text) => text !== '');
}

/** Folders of the disks below a map. */
function pathsOf(device: string): string[] {
  try {
    const names = readdirSync(`${device}/slaves`).sort();
    return names.map((name) => `${device}/slaves/${name}`);
  } catch {
    return [];
  }
}

function readIdentity(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
