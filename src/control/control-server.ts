/**
 * The control socket: JSON-RPC 2.0, one message a line, on a unix socket that only its owner may
 * open. Whoever can connect may do everything, so there is nothing to log in with.
 */
import { renameSync, rmSync } from 'node:fs';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { JSONRPCServer, JSONRPCErrorException } from 'json-rpc-2.0';
import type * as v from 'valibot';
import { errnoOf, ExitCode, Failure, messageOf } from '../util/failure.js';
import { checkedParams } from './checked-params.js';
import { onSocketLine } from './socket-lines.js';

/** Of the range for servers: the request is well-formed, and can't be done here. */
const notPossible = -32000;

const connectionsMax = 64;
const messageBytesMax = 64 * 1024;
const unreadBytesMax = 4 * 1024 * 1024;

/** Sends a notification to the one who asked. */
export type Notify = (method: string, params: object) => void;

/**
 * @param closed aborted when the connection has ended
 * @throws JSONRPCErrorException for parameters that are not what the method takes, Failure for what
 * can't be done
 */
export type ControlMethod = (params: unknown, notify: Notify, closed: AbortSignal) => unknown;

/** A method that is called with what `schema` let pass. */
export function method<Params>(
  schema: v.GenericSchema<unknown, Params>,
  call: (params: Params, notify: Notify, closed: AbortSignal) => unknown,
): ControlMethod {
  return (given, notify, closed) => call(checkedParams(schema, given), notify, closed);
}

export class ControlServer {
  readonly #server: Server;
  readonly #methods: ReadonlyMap<string, ControlMethod>;
  readonly #connections = new Set<Socket>();
  #path = '';

  private constructor(methods: ReadonlyMap<string, ControlMethod>) {
    this.#methods = methods;
    this.#server = createServer((socket) => {
      this.#accept(socket);
    });
    this.#server.maxConnections = connectionsMax;
  }

  /** @throws Failure (socket) if `path` can't be listened on, or somebody else does */
  static async listen(
    path: string,
    methods: ReadonlyMap<string, ControlMethod>,
  ): Promise<ControlServer> {
    const control = new ControlServer(methods);
    await control.#listen(path);
    return control;
  }

  /** Listens at `path` from now on, whoever did so before. */
  moveTo(path: string): void {
    renameSync(this.#path, path);
    this.#path = path;
  }

  async #listen(path: string): Promise<void> {
    await removeStale(path);
    // Nobody may connect in the moment between bind and chmod.
    const umask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject).listen(path, resolve);
      });
    } catch (error) {
      throw new Failure(ExitCode.socket, `control socket ${path}: ${messageOf(error)}`, {
        cause: error,
      });
    } finally {
      process.umask(umask);
    }
    this.#path = path;
  }

  /** Ends every connection and removes the socket. */
  close(): void {
    this.#server.close();
    // Node removes the file only where it was first.
    rmSync(this.#path, { force: true });
    for (const socket of this.#connections) socket.destroySoon();
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    const closed = new AbortController();
    socket.on('close', () => {
      this.#connections.delete(socket);
      closed.abort();
    });
    socket.on('error', () => {
      socket.destroy();
    });
    const send = (message: object) => {
      if (!socket.writable) return;
      socket.write(`${JSON.stringify(message)}\n`);
      // A watcher that doesn't read.
      if (socket.writableLength > unreadBytesMax) socket.destroy();
    };
    const rpc = this.#rpcFor(send, closed.signal);
    endOverlongLines(socket);
    onSocketLine(socket, (line) => {
      if (line.trim() === '') return;
      // It rejects where a batch holds what is no object.
      rpc.receiveJSON(line).then(
        (response) => {
          if (response !== null) send(response);
        },
        () => socket.destroy(),
      );
    });
  }

  #rpcFor(send: (message: object) => void, closed: AbortSignal): JSONRPCServer {
    const rpc = new JSONRPCServer({ errorListener: () => undefined });
    const notify: Notify = (method, params) => {
      send({ jsonrpc: '2.0', method, params });
    };
    for (const [name, call] of this.#methods) {
      rpc.addMethod(name, async (params: unknown) => {
        try {
          return (await call(params ?? {}, notify, closed)) ?? null;
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          throw new JSONRPCErrorException(error.message, notPossible);
        }
      });
    }
    return rpc;
  }
}

/** A line that never ends would grow in memory. */
function endOverlongLines(socket: Socket): void {
  let lineBytes = 0;
  socket.on('data', (chunk: Buffer) => {
    const lastEnd = chunk.lastIndexOf('\n');
    lineBytes = lastEnd < 0 ? lineBytes + chunk.length : chunk.length - lastEnd - 1;
    if (lineBytes > messageBytesMax) socket.destroy();
  });
}

/** Removes the socket file of a server that is gone. */
async function removeStale(path: string): Promise<void> {
  const error = await new Promise<unknown>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(undefined);
    }).on('error', resolve);
  });
  if (error === undefined) {
    throw new Failure(
      ExitCode.socket,
      `control socket ${path} is in use by a running server: choose another --control-socket`,
    );
  }
  if (errnoOf(error) === 'ECONNREFUSED') rmSync(path, { force: true });
}
