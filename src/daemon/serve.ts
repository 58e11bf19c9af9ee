/** `holdfast serve`: one disk behind one vhost-user endpoint, from start to drained end. */
import type { Logger } from 'pino';
import type { NativeDisk } from '../native/addon.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import { Attachment, endpointName } from './attachment.js';
import { openDisk } from './disk.js';
import { loadNativeAddon } from './native-addon.js';
import type { ProcessSignals } from './process-signals.js';
import type { ServeOptions } from './serve-options.js';

/** SIGTERM ends the process within a second (vhost-user.rst, "Backend program conventions"). */
const drainMilliseconds = 900;

/**
 * Serves until a stop signal, or until the endpoint can serve no more.
 * @returns the exit code. With `stuckIo` the caller must exit without waiting for threads: some are
 * inside the kernel.
 * @throws Failure for everything that keeps it from serving.
 */
export async function serve(
  options: ServeOptions,
  log: Logger,
  signals: ProcessSignals,
): Promise<ExitCode> {
  const disk = await openDisk(loadNativeAddon(), options, log, signals.stop);
  if (disk === undefined) return ExitCode.ok;

  const attachment = new Attachment(disk, options, log);
  signals.onHangUp = () => {
    refreshSize(disk, log);
  };
  log.info({ ...options.endpoint, image: options.blkFile, ...disk.info() }, 'serving');

  await aborted(AbortSignal.any([signals.stop, attachment.ended]));
  const asked = signals.stop.aborted;
  if (!(await attachment.stop(drainMilliseconds))) {
    log.error(
      { image: options.blkFile, inFlight: attachment.inFlight() },
      `I/O on ${options.blkFile} is stuck in the kernel: exiting without it; the image stays locked until it has ended`,
    );
    return ExitCode.stuckIo;
  }
  disk.close();
  if (!asked && attachment.endReason !== '') {
    const message = `${endpointName(options.endpoint)}: ${attachment.endReason}`;
    throw new Failure(ExitCode.socket, message);
  }
  log.info({ image: options.blkFile }, 'stopped');
  return ExitCode.ok;
}

function refreshSize(disk: NativeDisk, log: Logger): void {
  try {
    log.info({ sizeBytes: disk.refreshSize() }, 'size read again');
  } catch (error) {
    log.error(`the size can't be read again: ${messageOf(error)}`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
