/** `holdfast serve`: one disk behind one vhost-user endpoint, from start to drained end. */
import { fstatSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AttachmentEvent, NativeAttachment, NativeDisk } from '../native/addon.js';
import { PeerLog } from '../telemetry/peer-log.js';
import { errnoOf, ExitCode, Failure, messageOf } from '../util/failure.js';
import { openDisk } from './disk.js';
import { loadNativeAddon } from './native-addon.js';
import type { ProcessSignals } from './process-signals.js';
import type { Endpoint, ServeOptions } from './serve-options.js';

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

  const end = new AbortController();
  const attachment = attach(disk, options, log, end);
  signals.onHangUp = () => {
    refreshSize(disk, log);
  };
  log.info({ ...options.endpoint, image: options.blkFile, ...disk.info() }, 'serving');

  await aborted(AbortSignal.any([signals.stop, end.signal]));
  if (!(await drain(attachment))) {
    log.error(
      { image: options.blkFile, inFlight: attachment.inFlight() },
      `I/O on ${options.blkFile} is stuck in the kernel: exiting without it; the image stays locked until it has ended`,
    );
    return ExitCode.stuckIo;
  }
  disk.close();
  const endReason: unknown = end.signal.reason;
  if (typeof endReason === 'string' && endReason !== '') {
    throw new Failure(ExitCode.socket, `${endpointName(options.endpoint)}: ${endReason}`);
  }
  log.info({ image: options.blkFile }, 'stopped');
  return ExitCode.ok;
}

/** Starts serving `disk` at the endpoint; aborts `end` with a reason when that is over. */
function attach(
  disk: NativeDisk,
  options: ServeOptions,
  log: Logger,
  end: AbortController,
): NativeAttachment {
  const { endpoint, numQueues, pollMicroseconds, configWce, socketMode } = options;
  if ('socketFd' in endpoint) refuseOtherThanSocket(endpoint.socketFd);
  const peerLog = new PeerLog(log);
  const onEvent = (event: AttachmentEvent) => {
    if (event.type === 'ended') end.abort(event.reason);
    else logEvent(event, peerLog);
  };
  try {
    return disk.attach({
      ...endpoint,
      socketMode,
      numQueues,
      pollMicroseconds,
      configWce,
      onEvent,
    });
  } catch (error) {
    throw new Failure(ExitCode.socket, attachAdvice(endpoint, error), { cause: error });
  }
}

function refuseOtherThanSocket(fd: number): void {
  try {
    if (fstatSync(fd).isSocket()) return;
  } catch (error) {
    if (errnoOf(error) !== 'EBADF') throw error;
  }
  throw new Failure(
    ExitCode.socket,
    `file descriptor ${fd} is no socket: pass a listening or connected unix socket with --fd`,
  );
}

function attachAdvice(endpoint: Endpoint, error: unknown): string {
  const name = endpointName(endpoint);
  switch (errnoOf(error)) {
    case 'EADDRINUSE':
      return `${name} is in use by a running server: stop that one or choose another --socket-path`;
    case 'ENOENT':
      return `${name}: its folder does not exist`;
    case 'EACCES':
    case 'EPERM':
      return `${name}: permission denied: choose a folder this user may write`;
    default:
      return `${name}: ${messageOf(error)}`;
  }
}

function endpointName(endpoint: Endpoint): string {
  if ('socketPath' in endpoint) return `socket ${endpoint.socketPath}`;
  if ('connectPath' in endpoint) return `socket ${endpoint.connectPath}`;
  return `file descriptor ${endpoint.socketFd}`;
}

function logEvent(event: Exclude<AttachmentEvent, { type: 'ended' }>, log: PeerLog): void {
  switch (event.type) {
    case 'connected':
      log.info('front end connected');
      break;
    case 'disconnected':
      if (event.reason === '') log.info('front end disconnected');
      else log.warn(`front end disconnected: ${event.reason}`);
      break;
    case 'warning':
      log.warn(event.message);
  }
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

/** Stops the attachment; false if its I/O had not ended in time. */
async function drain(attachment: NativeAttachment): Promise<boolean> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      attachment.stop().then(() => true),
      delay(drainMilliseconds, false, { signal: timer.signal }),
    ]);
  } finally {
    timer.abort();
  }
}
