/** `holdfast serve`: disks and their guests, from start to drained end. */
import type { Logger } from 'pino';
import { loadNativeAddon } from '../native/load-native-addon.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import { aborted } from '../util/aborted.js';
import { exitImmediately } from '../util/libc.js';
import { notifyServiceManager } from '../util/service-manager.js';
import { endpointName } from './attachment.js';
import type { ProcessSignals } from './process-signals.js';
import type { ServeOptions } from './serve-options.js';
import type { ServedDisk } from './served-disk.js';
import { openControl, type Served } from './served.js';
import { Server } from './server.js';
import { takeOver } from './take-over.js';

/** SIGTERM ends the process within a second (vhost-user.rst, "Backend program conventions"). */
const drainMilliseconds = 900;

/**
 * Serves until a stop signal, or until no endpoint can serve any more.
 * @returns the exit code. With `stuckIo` the caller must exit without waiting for threads: some are
 * inside the kernel.
 * @throws Failure for everything that keeps it from serving.
 */
export async function serve(
  options: ServeOptions,
  log: Logger,
  signals: ProcessSignals,
): Promise<ExitCode> {
  const addon = loadNativeAddon();
  if (options.takeover) {
    const served = await takeOver(addon, options, log, signals.stop);
    return serveUntilEnd(served, options, log, signals);
  }
  const server = await Server.open(addon, options, log, signals.stop);
  if (server === undefined) return ExitCode.ok;
  const served = await openControl(addon, server, options.controlSocket, log);
  notifyServiceManager('READY=1');
  return serveUntilEnd(served, options, log, signals);
}

async function serveUntilEnd(
  { server, handover, control, quit }: Served,
  options: ServeOptions,
  log: Logger,
  signals: ProcessSignals,
): Promise<ExitCode> {
  signals.onHangUp = () => {
    for (const disk of server.disks.values()) refreshSize(disk, log);
  };
  tellOfStart(server, options, log);

  const asked = AbortSignal.any([signals.stop, quit]);
  const ended = Promise.all(server.guests.map(({ attachment }) => aborted(attachment.ended)));
  await Promise.race([aborted(asked), ended, aborted(handover.done)]);
  // What is left here is the other process's, sockets and locks included.
  if (await handover.withdraw()) exitImmediately(ExitCode.ok);
  control?.close();
  if (!(await server.stop(drainMilliseconds))) {
    tellOfStuckIo(server, log);
    return ExitCode.stuckIo;
  }
  if (!asked.aborted) throwEndReason(server);
  log.info({ images: imagesOf(server) }, 'stopped');
  return ExitCode.ok;
}

function imagesOf({ disks }: Server): string[] {
  return [...disks.values()].map(({ path }) => path);
}

function tellOfStart(server: Server, { controlSocket }: ServeOptions, log: Logger): void {
  for (const disk of server.disks.values()) {
    log.info({ image: disk.path, ...disk.native.info() }, 'disk opened');
    const wanted = server.guests.some(({ settings }) => settings.device === 'scsi');
    if (wanted && !disk.hasReservations) {
      log.warn(`${disk.path}: no persistent reservations without --reservation-state`);
    }
  }
  for (const { settings } of server.guests) {
    const { endpoint, device, initiatorName } = settings;
    log.info({ ...endpoint, device, initiator: initiatorName, controlSocket }, 'serving');
  }
}

function tellOfStuckIo(server: Server, log: Logger): void {
  const image = imagesOf(server).join(', ');
  const inFlight = server.guests.reduce((sum, { attachment }) => sum + attachment.inFlight(), 0);
  log.error(
    { image, inFlight },
    `I/O on ${image} is stuck in the kernel: exiting without it; the image stays locked until it has ended`,
  );
}

/** @throws Failure (socket) if an endpoint ended otherwise than in order */
function throwEndReason({ guests }: Server): void {
  for (const { settings, attachment } of guests) {
    if (attachment.endReason === '') continue;
    const message = `${endpointName(settings.endpoint)}: ${attachment.endReason}`;
    throw new Failure(ExitCode.socket, message);
  }
}

function refreshSize(disk: ServedDisk, log: Logger): void {
  const { path } = disk;
  try {
    log.info({ image: path, sizeBytes: disk.refreshSize() }, 'size read again');
  } catch (error) {
    log.error(`the size of ${path} can't be read again: ${messageOf(error)}`);
  }
}
