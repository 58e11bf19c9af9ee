/** A connection to the daemon's own socket, seen from its client. */
import { JSONRPCClient, type JSONRPCResponse } from 'json-rpc-2.0';
import * as v from 'valibot';
import { JsonLines } from '../fd-lines/json-lines.js';
import { PassedFds } from '../fd-lines/passed-fds.js';
import type { NativeAddon, NativeConnection } from '../native/addon.js';
import {
  limits,
  type MethodName,
  notificationSchemas,
  type Notifications,
  type Params,
  protocolVersion,
} from './protocol.js';

export type NotificationHandlers = {
  readonly [Name in keyof Notifications]: (params: Notifications[Name]) => void;
};

const notificationSchema = v.object({ method: v.string(), params: v.unknown() });
const responseSchema = v.looseObject({
  jsonrpc: v.literal('2.0'),
  id: v.union([v.number(), v.string()]),
});

/** Longer than the daemon takes for any answer, milliseconds. */
const requestTimeoutMs = 20_000;

export class PrdConnection {
  /** Resolves when it has ended, with the reason; empty for an orderly end. */
  readonly closed: Promise<string>;
  readonly #lines: JsonLines;
  readonly #rpc: JSONRPCClient<number[]>;
  readonly #receivers: ReadonlyMap<string, Receiver>;
  #onEnd: (reason: string) => void = () => undefined;

  private constructor(
    connection: NativeConnection,
    fds: PassedFds,
    handlers: NotificationHandlers,
  ) {
    this.#receivers = receiversOf(handlers);
    this.#rpc = new JSONRPCClient((request, passed) => {
      if (this.#lines.ended) throw new Error('the connection to the daemon has ended');
      this.#lines.send(request as object, passed);
    });
    this.#lines = new JsonLines(connection, fds, limits.responseBytes, {
      onLine: (line) => {
        this.#receive(line);
      },
      onEnd: (reason) => {
        this.#rpc.rejectAllPendingRequests('the connection to the daemon has ended');
        this.#onEnd(reason);
      },
    });
    this.closed = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
    this.#lines.start();
  }

  /**
   * Connects and says hello.
   * @throws Error with an errno if nobody listens at `path`; JSONRPCErrorException if the daemon has
   * another version
   */
  static async open(
    addon: Pick<NativeAddon, 'connectForFds' | 'createLane'>,
    path: string,
    handlers: NotificationHandlers,
  ): Promise<PrdConnection> {
    const connection = await addon.connectForFds(path);
    // The daemon passes no descriptors; should any come they are closed.
    const fds = new PassedFds(addon.createLane());
    const prd = new PrdConnection(connection, fds, handlers);
    void prd.closed.then(() => fds.end());
    try {
      await prd.request('hello', { version: protocolVersion });
    } catch (error) {
      prd.close();
      throw error;
    }
    return prd;
  }

  /**
   * @param fds descriptors that go with it, which stay the caller's
   * @throws JSONRPCErrorException with the daemon's code; another Error if the answer did not come,
   * and then nobody knows what became of the request
   */
  async request<Name extends MethodName>(
    method: Name,
    params: Params<Name>,
    fds: number[] = [],
  ): Promise<unknown> {
    return (await this.#rpc.timeout(requestTimeoutMs).request(method, params, fds)) as unknown;
  }

  close(): void {
    this.#lines.end('');
  }

  #receive(line: string): void {
    const message = parse(line);
    const response = v.safeParse(responseSchema, message);
    if (response.success) {
      this.#rpc.receive(message as JSONRPCResponse);
      return;
    }
    const notification = v.safeParse(notificationSchema, message);
    if (!notification.success || !this.#understands(notification.output)) {
      this.#lines.end('the daemon sent what is no message of the protocol');
    }
  }

  #understands({ method, params }: { method: string; params?: unknown }): boolean {
    return this.#receivers.get(method)?.(params) ?? false;
  }
}

type Receiver = (params: unknown) => boolean;

/** @returns what tells whether it could be understood */
function receiver<Params>(
  schema: v.GenericSchema<unknown, Params>,
  handle: (params: Params) => void,
): Receiver {
  return (given) => {
    const params = v.safeParse(schema, given);
    if (params.success) handle(params.output);
    return params.success;
  };
}

function receiversOf(handlers: NotificationHandlers): ReadonlyMap<string, Receiver> {
  const receivers: Record<keyof Notifications, Receiver> = {
    quiesce: receiver(notificationSchemas.quiesce, handlers.quiesce),
    resume: receiver(notificationSchemas.resume, handlers.resume),
    conflicts: receiver(notificationSchemas.conflicts, handlers.conflicts),
    unitAttention: receiver(notificationSchemas.unitAttention, handlers.unitAttention),
    changed: receiver(notificationSchemas.changed, handlers.changed),
  };
  return new Map(Object.entries(receivers));
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
