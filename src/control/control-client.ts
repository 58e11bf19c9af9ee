/** A connection to the control socket of a running server. */
import { connect, type Socket } from 'node:net';
import { JSONRPCClient, JSONRPCErrorException, type JSONRPCResponse } from 'json-rpc-2.0';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import { onSocketLine } from './socket-lines.js';

export class ControlClient {
  readonly #socket: Socket;
  readonly #rpc: JSONRPCClient;
  readonly #onNotification: (method: string, params: unknown) => void;
  readonly #closed: Promise<void>;

  private constructor(socket: Socket, onNotification: (method: string, params: unknown) => void) {
    this.#socket = socket;
    this.#onNotification = onNotification;
    this.#rpc = new JSONRPCClient((request) => {
      socket.write(`${JSON.stringify(request)}\n`);
    });
    onSocketLine(socket, (line) => {
      this.#receive(line);
    });
    this.#closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#rpc.rejectAllPendingRequests('the server closed the control connection');
        resolve();
      });
    });
    socket.on('error', () => socket.destroy());
  }

  /** @throws Failure (socket) if nobody listens at `path` */
  static async open(
    path: string,
    onNotification: (method: string, params: unknown) => void = () => undefined,
  ): Promise<ControlClient> {
    const socket = connect(path);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve).once('error', reject);
      });
    } catch (error) {
      throw new Failure(
        ExitCode.socket,
        `control socket ${path}: ${messageOf(error)}: is holdfast serve running with --control-socket ${path}?`,
        { cause: error },
      );
    }
    return new ControlClient(socket, onNotification);
  }

  /** Resolves when the connection has ended, by whichever side. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** @throws Failure (refused) with the server's words if it can't be done */
  async request(method: string, params: object): Promise<unknown> {
    try {
      return (await this.#rpc.request(method, params)) as unknown;
    } catch (error) {
      if (error instanceof JSONRPCErrorException || error instanceof Error) {
        throw new Failure(ExitCode.refused, error.message, { cause: error });
      }
      throw error;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as JSONRPCResponse | { method: string; params: unknown };
    if ('method' in message) this.#onNotification(message.method, message.params);
    else this.#rpc.receive(message);
  }
}
