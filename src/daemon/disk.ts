/** From a path to a disk that may be served: opened, locked, checked. */
import type { Logger } from 'pino';
import { type Image, inheritImage, openImage, refuseClaimedDevice } from '../device/image.js';
import { takeWriterLock, tryWriterLock } from '../device/writer-lock.js';
import type { NativeAddon, NativeDisk } from '../native/addon.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import type { DiskSettings } from './serve-options.js';

/**
 * The lock comes first, on the open file description that will do the I/O: nothing of the image is
 * looked at while an older process's writes may still land.
 * @returns undefined if `stop` was aborted while waiting for the lock.
 * @throws Failure (image, imageInUse) with what to do.
 */
export async function openLockedImage(
  { blkFile, readOnly }: DiskSettings,
  log: Logger,
  stop: AbortSignal,
): Promise<Image | undefined> {
  const image = openImage(blkFile, readOnly);
  if (!(await takeWriterLock(image, log, stop))) return undefined;
  refuseClaimedDevice(image);
  return image;
}

/**
 * The image of a process that this one takes the place of; the lock came along with it.
 * @param fd its open file description
 * @throws Failure (image, imageInUse) if it isn't the image, or not locked
 */
export function openInheritedImage({ blkFile, readOnly }: DiskSettings, fd: number): Image {
  const image = inheritImage(blkFile, readOnly, fd);
  if (tryWriterLock(fd, readOnly)) return image;
  throw new Failure(ExitCode.imageInUse, `${blkFile} is locked by somebody else`);
}

/**
 * @param onResize told of a new size, bytes
 * @throws Failure (image) where it can't be served as the settings want
 */
export function openNativeDisk(
  addon: NativeAddon,
  image: Image,
  serial: string,
  { blockSize, engine }: DiskSettings,
  onResize: (sizeBytes: number) => void,
): NativeDisk {
  const { fd, path, readOnly } = image;
  try {
    return addon.openDisk({ fd, path, readOnly, serial, blockSize, engine, onResize });
  } catch (error) {
    throw new Failure(ExitCode.image, messageOf(error), { cause: error });
  }
}
