/** From a path to a disk that may be served: opened, locked, checked. */
import type { Logger } from 'pino';
import { openImage, refuseClaimedDevice } from '../device/image.js';
import { defaultSerial } from '../device/serial.js';
import { takeWriterLock } from '../device/writer-lock.js';
import type { NativeAddon, NativeDisk } from '../native/addon.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import type { ServeOptions } from './serve-options.js';

/**
 * The lock comes first, on the open file description that will do the I/O: nothing of the image is
 * looked at while an older process's writes may still land.
 * @returns undefined if `stop` was aborted while waiting for the lock.
 * @throws Failure (image, imageInUse) with what to do.
 */
export async function openDisk(
  addon: NativeAddon,
  options: ServeOptions,
  log: Logger,
  stop: AbortSignal,
): Promise<NativeDisk | undefined> {
  const image = openImage(options.blkFile, options.readOnly);
  if (!(await takeWriterLock(image, log, stop))) return undefined;
  refuseClaimedDevice(image);
  return openNative(addon, {
    fd: image.fd,
    path: image.path,
    readOnly: image.readOnly,
    serial: options.serial ?? defaultSerial(image),
    blockSize: options.blockSize,
    engine: options.engine,
  });
}

function openNative(addon: NativeAddon, options: Parameters<NativeAddon['openDisk']>[0]) {
  try {
    return addon.openDisk(options);
  } catch (error) {
    throw new Failure(ExitCode.image, messageOf(error), { cause: error });
  }
}
