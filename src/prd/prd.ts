/** `holdfast prd`: the reservation daemon, from start to end. */
import type { Logger } from 'pino';
import type { PassedFds } from '../fd-lines/passed-fds.js';
import type { NativeAddon, NativeConnection } from '../native/addon.js';
import { enterSandbox, type SandboxSettings } from '../native/sandbox.js';
import { PeerLog } from '../telemetry/peer-log.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import { notifyServiceManager } from '../util/service-manager.js';
import { aborted } from '../util/aborted.js';
import { endsWithin } from '../util/ends-within.js';
import {
  FdServer,
  type FdServerOptions,
  type FdSession,
  type SessionServices,
} from './fd-server.js';
import type { HostDevices } from './logical-unit.js';
import { LogicalUnits } from './logical-units.js';
import type { MapSuspender } from './map-suspender.js';
import { PrHelperSession } from './pr-helper-session.js';
import { PrdSession } from './prd-session.js';

/** As for `serve`: gone within a second where the devices answer. */
const closeMilliseconds = 900;

/** Where clients come: bound here or passed. */
export type PrdEndpoint = { socketPath: string } | { socketFd: number };

export interface PrdOptions {
  /** For the daemon's own protocol. */
  endpoint: PrdEndpoint | undefined;
  /** For clients of qemu-pr-helper. */
  prHelperEndpoint: PrdEndpoint | undefined;
  /** Permission bits of the sockets bound here. */
  socketMode: number;
  sandbox: SandboxSettings;
}

export interface PrdParts {
  readonly addon: NativeAddon;
  readonly devices: HostDevices;
  /** Undefined: maps are never suspended. */
  readonly suspender: MapSuspender | undefined;
  readonly log: Logger;
}

type OpenSession = (connection: NativeConnection, fds: PassedFds) => FdSession;

/**
 * Serves until `stop` is aborted.
 * @returns the exit code. With `stuckIo` the caller must exit without waiting for threads: some are
 * inside the kernel
 * @throws Failure (socket) if a socket can't be had
 */
export async function prd(
  options: PrdOptions,
  { addon, devices, suspender, log }: PrdParts,
  stop: AbortSignal,
): Promise<ExitCode> {
  const units = new LogicalUnits(devices, suspender, log);
  await units.openRegistered();
  // Who suspends maps is a process that is started again when it ends.
  enterSandbox(addon, options.sandbox, suspender !== undefined);
  const services: SessionServices = { units, log: new PeerLog(log) };
  const listen = (endpoint: PrdEndpoint | undefined, session: OpenSession) => {
    if (endpoint === undefined) return [];
    const socket = { ...endpoint, socketMode: options.socketMode };
    return [openServer({ addon, endpoint: socket, log: services.log, session })];
  };
  const servers = [
    ...listen(options.endpoint, (connection, fds) => {
      return new PrdSession(connection, fds, services);
    }),
    ...listen(options.prHelperEndpoint, (connection, fds) => {
      return new PrHelperSession(connection, fds, services);
    }),
  ];
  const { endpoint, prHelperEndpoint } = options;
  log.info({ endpoint, prHelperEndpoint, suspends: suspender !== undefined }, 'serving');
  notifyServiceManager('READY=1');

  await aborted(stop);
  notifyServiceManager('STOPPING=1');
  const closed = Promise.all(servers.map((server) => server.close())).then(() => units.close());
  const inTime = await endsWithin(closed, closeMilliseconds);
  suspender?.close();
  if (!inTime) {
    log.error('a reservation command or a descriptor is stuck in the kernel: exiting without it');
    return ExitCode.stuckIo;
  }
  log.info('stopped');
  return ExitCode.ok;
}

function openServer(options: FdServerOptions): FdServer {
  try {
    return new FdServer(options);
  } catch (error) {
    const { socketPath, socketFd } = options.endpoint;
    const name = socketPath ?? `fd ${socketFd}`;
    throw new Failure(
      ExitCode.socket,
      `${name} can't be listened on: ${messageOf(error)}: is another daemon there, or is its folder missing or closed to this user?`,
      { cause: error },
    );
  }
}
