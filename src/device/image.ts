/** Opening the file or block device that is to be served, with messages that say what to do. */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
  type Stats,
} from 'node:fs';
import { groupName, userName } from '../util/accounts.js';
import { errnoOf, ExitCode, Failure, messageOf } from '../util/failure.js';
import { deviceNumber } from '../util/device-number.js';
import { openFlags } from '../util/open-flags.js';

export interface Image {
  path: string;
  /** The open file description that takes the writer lock and then does the I/O. */
  fd: number;
  readOnly: boolean;
  isBlockDevice: boolean;
}

/**
 * Opens a raw image or block device for direct I/O; without it where the file system has none.
 * @throws Failure (image) if it is missing, of another kind, or not permitted.
 */
export function openImage(path: string, readOnly: boolean): Image {
  const stats = statImage(path);
  const isBlockDevice = stats.isBlockDevice();
  // Looked at before opening: opening a FIFO would block, opening some devices has effects.
  if (!isBlockDevice && !stats.isFile()) {
    throw imageFailure(`${path} is neither a file nor a block device`);
  }
  if (!readOnly && isBlockDevice && isReadOnlyDevice(stats.rdev)) {
    throw imageFailure(`${path} is a read-only device: add --read-only`);
  }
  return { path, fd: openDirect(path, stats, readOnly), readOnly, isBlockDevice };
}

/**
 * The image that another process has opened and this one goes on with.
 * @param fd its open file description
 * @throws Failure (image) if that isn't what is at the path now, or open for something else
 */
export function inheritImage(path: string, readOnly: boolean, fd: number): Image {
  const stats = statImage(path);
  const open = fstatSync(fd);
  const isBlockDevice = stats.isBlockDevice();
  const isSame = isBlockDevice
    ? open.isBlockDevice() && open.rdev === stats.rdev
    : open.isFile() && open.dev === stats.dev && open.ino === stats.ino;
  if (!isSame) throw imageFailure(`${path} is not what the running server has opened`);
  const access = openFlags(fd) & (constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR);
  if (access !== (readOnly ? constants.O_RDONLY : constants.O_RDWR)) {
    throw imageFailure(`${path} is open at the running server for another kind of access`);
  }
  return { path, fd, readOnly, isBlockDevice };
}

/**
 * Refuses to write a device that a file system, a device-mapper map or the like has claimed. The
 * writer lock can't tell: they take none. Call with the lock held, so that two holdfasts never meet
 * in the short exclusive open.
 */
export function refuseClaimedDevice(image: Image): void {
  if (!image.isBlockDevice || image.readOnly) return;
  try {
    closeSync(openSync(image.path, constants.O_RDONLY | constants.O_EXCL));
  } catch (error) {
    if (errnoOf(error) !== 'EBUSY') throw error;
    throw new Failure(
      ExitCode.imageInUse,
      `${image.path} is in use by the kernel, as a mounted file system, swap or part of another device (lsblk ${image.path} shows which): release it first, or serve the device on top of it`,
      { cause: error },
    );
  }
}

function statImage(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw imageFailure(
        `${path} does not exist: correct --blk-file, or make an image with truncate -s 10G ${path}`,
      );
    }
    throw imageFailure(`${path} can't be looked at: ${messageOf(error)}`);
  }
}

function isReadOnlyDevice(rdev: number): boolean {
  return readFileSync(`/sys/dev/block/${deviceNumber(rdev)}/ro`, 'utf8').trim() === '1';
}

function openDirect(path: string, stats: Stats, readOnly: boolean): number {
  const access = readOnly ? constants.O_RDONLY : constants.O_RDWR;
  try {
    try {
      return openSync(path, access | constants.O_DIRECT);
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL') throw error;
      return openSync(path, access);
    }
  } catch (error) {
    throw imageFailure(openAdvice(path, stats, readOnly, error));
  }
}

function openAdvice(path: string, stats: Stats, readOnly: boolean, error: unknown): string {
  switch (errnoOf(error)) {
    case 'EACCES':
    case 'EPERM': {
      const user = userName(process.geteuid?.() ?? 0);
      const group = groupName(stats.gid);
      const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
      const readable = readOnly ? '' : ', or add --read-only if reading is enough';
      return (
        `user ${user} may not open ${path}, which belongs to ${userName(stats.uid)}:${group} with mode ${mode}: ` +
        `add the user to group ${group}, or give it access with setfacl or a udev rule${readable}`
      );
    }
    case 'EROFS':
      return `${path} is on a read-only file system: add --read-only`;
    default:
      return `${path} can't be opened: ${messageOf(error)}`;
  }
}

function imageFailure(message: string): Failure {
  return new Failure(ExitCode.image, message);
}
