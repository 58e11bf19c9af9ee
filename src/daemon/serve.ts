/** `holdfast serve`: disks and their guests, from start to drained end. */
import type { Logger } from 'pino';
import { ControlServer } from '../control/control-server.js';
import type { NativeAddon } from '../native/addon.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import { endpointName } from './attachment.js';
import { controlMethods } from './control-methods.js';
import { Guest } from './guest.js';
import { loadNativeAddon } from './native-addon.js';
import type { ProcessSignals } from './process-signals.js';
import type { ServeOptions } from './serve-options.js';
import { ServedDisk } from './served-disk.js';

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
  const disks = await openDisks(addon, options, log, signals.stop);
  if (disks === undefined) return ExitCode.ok;
  const guests = options.guests.map((guest) => new Guest(addon, disks, guest, options, log));
  signals.onHangUp = () => {
    for (const disk of disks) refreshSize(disk, log);
  };
  const quit = new AbortController();
  const control = await openControl(options, disks, guests, quit);
  tellOfStart(disks, guests, options, log);

  const asked = AbortSignal.any([signals.stop, quit.signal]);
  const ended = Promise.all(guests.map(({ attachment }) => aborted(attachment.ended)));
  await Promise.race([aborted(asked), ended]);
  control?.close();
  const stopped = await Promise.all(guests.map((guest) => guest.stop(drainMilliseconds)));
  if (stopped.includes(false)) {
    tellOfStuckIo(disks, guests, log);
    return ExitCode.stuckIo;
  }
  for (const disk of disks) disk.native.close();
  if (!asked.aborted) throwEndReason(guests);
  log.info({ images: disks.map(({ path }) => path) }, 'stopped');
  return ExitCode.ok;
}

/** @returns undefined if `stop` was aborted while waiting for an image */
async function openDisks(
  addon: NativeAddon,
  options: ServeOptions,
  log: Logger,
  stop: AbortSignal,
): Promise<ServedDisk[] | undefined> {
  const disks: ServedDisk[] = [];
  for (const settings of options.disks) {
    const disk = await ServedDisk.open(addon, settings, log, stop);
    if (disk === undefined) return undefined;
    disks.push(disk);
  }
  return disks;
}

async function openControl(
  { controlSocket }: ServeOptions,
  disks: readonly ServedDisk[],
  guests: readonly Guest[],
  quit: AbortController,
): Promise<ControlServer | undefined> {
  if (controlSocket === undefined) return undefined;
  const methods = controlMethods({
    disks,
    guests,
    quit: () => {
      quit.abort();
    },
  });
  return ControlServer.listen(controlSocket, methods);
}

function tellOfStart(
  disks: readonly ServedDisk[],
  guests: readonly Guest[],
  { controlSocket }: ServeOptions,
  log: Logger,
): void {
  for (const disk of disks) {
    log.info({ image: disk.path, ...disk.native.info() }, 'disk opened');
    const wanted = guests.some(({ settings }) => settings.device === 'scsi');
    if (wanted && !disk.hasReservations) {
      log.warn(`${disk.path}: no persistent reservations without --reservation-state`);
    }
  }
  for (const { settings } of guests) {
    const { endpoint, device, initiatorName } = settings;
    log.info({ ...endpoint, device, initiator: initiatorName, controlSocket }, 'serving');
  }
}

function tellOfStuckIo(disks: readonly ServedDisk[], guests: readonly Guest[], log: Logger): void {
  const images = disks.map(({ path }) => path).join(', ');
  const inFlight = guests.reduce((sum, { attachment }) => sum + attachment.inFlight(), 0);
  log.error(
    { image: images, inFlight },
    `I/O on ${images} is stuck in the kernel: exiting without it; the image stays locked until it has ended`,
  );
}

/** @throws Failure (socket) if an endpoint ended otherwise than in order */
function throwEndReason(guests: readonly Guest[]): void {
  for (const { settings, attachment } of guests) {
    if (attachment.endReason === '') continue;
    const message = `${endpointName(settings.endpoint)}: ${attachment.endReason}`;
    throw new Failure(ExitCode.socket, message);
  }
}

function refreshSize({ native, path }: ServedDisk, log: Logger): void {
  try {
    log.info({ image: path, sizeBytes: native.refreshSize() }, 'size read again');
  } catch (error) {
    log.error(`the size of ${path} can't be read again: ${messageOf(error)}`);
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
