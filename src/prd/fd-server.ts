/** A socket whose clients pass descriptors: both protocols of the daemon stand on it. */
import { PassedFds } from '../fd-lines/passed-fds.js';
import type { FdListenerOptions, NativeAddon, NativeConnection } from '../native/addon.js';
import type { PeerLog } from '../telemetry/peer-log.js';
import type { LogicalUnits } from './logical-units.js';
import type { examineFd } from './passed-device.js';

/** Each takes a descriptor or two and, once it has passed one, a thread. */
const connectionsMax = 128;

/** What the sessions of both protocols work with. */
export interface SessionServices {
  readonly units: LogicalUnits;
  readonly log: PeerLog;
  /** In place of `examineFd`. */
  readonly examine?: typeof examineFd;
}

export interface FdSession {
  /** Resolves when the connection has ended and nothing of it runs any more. */
  run(): Promise<void>;
}

export interface FdServerOptions {
  readonly addon: Pick<NativeAddon, 'createLane' | 'listenForFds'>;
  readonly endpoint: Pick<FdListenerOptions, 'socketPath' | 'socketFd' | 'socketMode'>;
  readonly log: PeerLog;
  readonly session: (connection: NativeConnection, fds: PassedFds) => FdSession;
}

export class FdServer {
  readonly #options: FdServerOptions;
  readonly #connections = new Map<NativeConnection, Promise<void>>();
  readonly #close: () => void;

  /** @throws Error with an errno if the socket can't be had */
  constructor(options: FdServerOptions) {
    this.#options = options;
    const listener = options.addon.listenForFds({
      ...options.endpoint,
      onConnection: (connection) => {
        this.#accept(connection);
      },
    });
    this.#close = () => {
      listener.close();
    };
  }

  /** Accepts no more and ends all connections; resolves when nothing of them runs any more. */
  async close(): Promise<void> {
    this.#close();
    for (const connection of this.#connections.keys()) connection.close();
    await Promise.all(this.#connections.values());
  }

  #accept(connection: NativeConnection): void {
    if (this.#connections.size >= connectionsMax) {
      this.#options.log.warn('connection refused: there are too many', { client: connection.peer });
      connection.close();
      return;
    }
    this.#connections.set(connection, this.#serve(connection));
  }

  async #serve(connection: NativeConnection): Promise<void> {
    const fds = new PassedFds(this.#options.addon.createLane());
    await this.#options.session(connection, fds).run();
    // A peer whose descriptors can't be closed keeps its place, so that it can't take them all.
    await fds.end();
    this.#connections.delete(connection);
  }
}
