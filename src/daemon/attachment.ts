/** A device at its endpoint: what the data plane reports of it, and how it is stopped. */
import { fstatSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type {
  AttachmentEvent,
  AttachmentState,
  EndpointOptions,
  NativeAttachment,
} from '../native/addon.js';
import { fdsOf } from '../takeover/state.js';
import { PeerLog } from '../telemetry/peer-log.js';
import { closeAll } from '../util/close-all.js';
import { Deferred } from '../util/deferred.js';
import { errnoOf, ExitCode, Failure, messageOf, refusal } from '../util/failure.js';
import type { Endpoint } from './serve-options.js';

export interface AttachmentListener {
  /** A front end has gone. */
  onDisconnected: () => void;
  /** Its rings wait for `native.admit` with this demand. */
  onDisksWanted: (demand: number) => void;
  /** They have stopped, and the next will wait. */
  onDisksLeft: () => void;
}

export class Attachment<Native extends NativeAttachment> {
  readonly native: Native;
  readonly #log: PeerLog;
  readonly #listener: AttachmentListener;
  readonly #end = new AbortController();
  readonly #taken = new Deferred<undefined>();
  #disconnectReason = '';
  #connected = false;
  #demand = 0;
  #standing: Deferred<AttachmentState> | undefined;

  /**
   * @param open starts the device at the endpoint
   * @param inherits it goes on where another process stood still, after `resume`
   * @throws Failure (socket) if the endpoint can't be had.
   */
  constructor(
    endpoint: Endpoint,
    log: Logger,
    open: (events: Pick<EndpointOptions, 'onEvent'>) => Native,
    listener: AttachmentListener,
    inherits: boolean,
  ) {
    this.#log = new PeerLog(log);
    this.#listener = listener;
    if ('socketFd' in endpoint && !inherits) refuseOtherThanSocket(endpoint.socketFd);
    const onEvent = (event: AttachmentEvent) => {
      this.#onEvent(event);
    };
    try {
      this.native = open({ onEvent });
    } catch (error) {
      throw new Failure(ExitCode.socket, attachAdvice(endpoint, error), { cause: error });
    }
  }

  /** Aborted when no more front ends can come. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** Why it ended by itself; empty if a passed connection was closed in order. */
  get endReason(): string {
    return this.ended.aborted ? String(this.ended.reason) : '';
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Requests inside the kernel. */
  inFlight(): number {
    return this.native.inFlight();
  }

  /**
   * Resolves when it has taken in all that it inherited, and stands still.
   * @throws Failure (refused) if it can't
   */
  get taken(): Promise<unknown> {
    return this.#taken.promise;
  }

  /**
   * Brings it to a standstill with nothing in flight.
   * @returns what another process needs to go on; its descriptors are the caller's
   * @throws Failure (refused) if it has ended, or was resumed before
   */
  standStill(): Promise<AttachmentState> {
    this.resume();
    if (this.ended.aborted) return Promise.reject(refusal('it serves no more'));
    this.#standing = new Deferred();
    this.native.standStill(++this.#demand);
    return this.#standing.promise;
  }

  /** Goes on as if it had not stood still. */
  resume(): void {
    this.#standing?.reject(refusal('I/O, or a reservation command, did not end in time'));
    this.#standing = undefined;
    this.native.resume();
  }

  /** Stops and drains; false if I/O was left after `milliseconds`. */
  async stop(milliseconds: number): Promise<boolean> {
    const timer = new AbortController();
    try {
      return await Promise.race([
        this.native.stop().then(() => true),
        delay(milliseconds, false, { signal: timer.signal }),
      ]);
    } finally {
      timer.abort();
    }
  }

  #standsStill(demand: number, state: AttachmentState | undefined, reason: string): void {
    const standing = demand === this.#demand ? this.#standing : undefined;
    this.#standing = undefined;
    if (state === undefined) standing?.reject(refusal(reason));
    else if (standing === undefined) closeAll(fdsOf(state));
    else standing.resolve(state);
  }

  #onEvent(event: AttachmentEvent): void {
    switch (event.type) {
      case 'connected':
        this.#connected = true;
        this.#log.info('front end connected');
        break;
      case 'disconnected':
        this.#connected = false;
        this.#disconnectReason = event.reason;
        this.#taken.reject(refusal(event.reason));
        if (event.reason === '') this.#log.info('front end disconnected');
        else this.#log.warn(`front end disconnected: ${event.reason}`);
        this.#listener.onDisconnected();
        break;
      case 'warning':
        this.#log.warn(event.message);
        break;
      case 'disks-wanted':
        this.#listener.onDisksWanted(event.demand);
        break;
      case 'disks-left':
        this.#listener.onDisksLeft();
        break;
      case 'stands-still':
        if (event.demand === 0) this.#taken.resolve(undefined);
        else this.#standsStill(event.demand, event.state, event.reason);
        break;
      case 'ended':
        this.#standing?.reject(refusal('it serves no more'));
        this.#taken.reject(refusal('it serves no more'));
        this.#end.abort(event.reason === '' ? this.#disconnectReason : event.reason);
    }
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

/** The endpoint as messages name it. */
export function endpointName(endpoint: Endpoint): string {
  if ('socketPath' in endpoint) return `socket ${endpoint.socketPath}`;
  if ('connectPath' in endpoint) return `socket ${endpoint.connectPath}`;
  return `file descriptor ${endpoint.socketFd}`;
}
