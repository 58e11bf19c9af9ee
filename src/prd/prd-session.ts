/** One connection of a client that speaks the daemon's own protocol. */
import {
  createJSONRPCErrorResponse,
  isJSONRPCID,
  JSONRPCErrorCode,
  JSONRPCErrorException,
  type JSONRPCID,
  type JSONRPCRequest,
  JSONRPCServer,
} from 'json-rpc-2.0';
import * as v from 'valibot';
import { JsonLines } from '../fd-lines/json-lines.js';
import type { PassedFds } from '../fd-lines/passed-fds.js';
import type { NativeConnection } from '../native/addon.js';
import type { PeerLog } from '../telemetry/peer-log.js';
import type { FdSession, SessionServices } from './fd-server.js';
import { examineFd } from './passed-device.js';
import { methods, PrdClient } from './prd-methods.js';
import { errorCode, limits, type MethodName } from './protocol.js';

/** Enough of a request to answer it. */
const requestSchema = v.looseObject({
  jsonrpc: v.literal('2.0'),
  method: v.string(),
  id: v.optional(v.custom<JSONRPCID>(isJSONRPCID)),
});

type FdVerdict = ReturnType<typeof examineFd> | undefined;

export class PrdSession implements FdSession {
  readonly #fds: PassedFds;
  readonly #lines: JsonLines;
  readonly #log: PeerLog;
  readonly #examine: typeof examineFd;
  readonly #rpc: JSONRPCServer<FdVerdict>;
  readonly #client: PrdClient;
  readonly #running = new Set<Promise<void>>();
  #onEnd: () => void = () => undefined;

  constructor(connection: NativeConnection, fds: PassedFds, services: SessionServices) {
    const { peer } = connection;
    const { units, log } = services;
    this.#fds = fds;
    this.#log = log;
    this.#examine = services.examine ?? examineFd;
    this.#client = new PrdClient(units, peer.pid, (handle) => (method, params) => {
      // After the answer that tells the handle.
      setImmediate(() => {
        this.#lines.send({ jsonrpc: '2.0', method, params: { handle, ...params } });
      });
    });
    this.#rpc = this.#rpcServer();
    this.#lines = new JsonLines(connection, fds, limits.requestBytes, {
      onLine: (line) => {
        this.#receive(line);
      },
      onEnd: (reason) => {
        if (reason !== '') log.warn(`connection ended: ${reason}`, { client: peer });
        for (const handle of this.#client.handles.values()) handle.disconnect();
        this.#onEnd();
      },
    });
  }

  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#onEnd = resolve;
    });
    this.#lines.start();
    await ended;
    await Promise.all(this.#running);
    for (const handle of this.#client.handles.values()) {
      handle.disconnect();
      handle.release();
    }
  }

  #receive(line: string): void {
    if (line.trim() === '') return;
    const parsed = parse(line);
    if (parsed === undefined) {
      this.#refuse(null, JSONRPCErrorCode.ParseError, 'not JSON');
      return;
    }
    const request = v.safeParse(requestSchema, parsed);
    if (!request.success) {
      this.#refuse(null, JSONRPCErrorCode.InvalidRequest, 'not one JSON-RPC 2.0 request');
      return;
    }
    const { id = null, method } = request.output;
    const verdict = method === 'open' ? this.#takeFd() : undefined;
    if (this.#running.size >= limits.requestsInFlight) {
      const message = `at most ${limits.requestsInFlight} requests may wait for their answers`;
      this.#refuse(id, errorCode.tooMany, message);
      return;
    }
    const running: Promise<void> = this.#answer(parsed, verdict).finally(() =>
      this.#running.delete(running),
    );
    this.#running.add(running);
  }

  /** The descriptor is closed here: what it says is all that is wanted of it. */
  #takeFd(): FdVerdict {
    const fd = this.#fds.take();
    if (fd === undefined) return undefined;
    const verdict = this.#examine(fd);
    this.#fds.close(fd);
    return verdict;
  }

  async #answer(request: unknown, verdict: FdVerdict): Promise<void> {
    const response = await this.#rpc.receive(request as JSONRPCRequest, verdict);
    if (response !== null) this.#lines.send(response);
  }

  #refuse(id: JSONRPCID, code: number, message: string): void {
    this.#lines.send(createJSONRPCErrorResponse(id, code, message));
  }

  #rpcServer(): JSONRPCServer<FdVerdict> {
    const rpc = new JSONRPCServer<FdVerdict>({ errorListener: () => undefined });
    for (const name of Object.keys(methods) as MethodName[]) {
      rpc.addMethod(name, (params: unknown, verdict) => this.#call(name, params, verdict));
    }
    return rpc;
  }

  async #call(name: MethodName, params: unknown, verdict: FdVerdict): Promise<unknown> {
    try {
      if (name !== 'hello') this.#client.requireHello();
      return (await methods[name](this.#client, params ?? {}, verdict)) ?? null;
    } catch (error) {
      if (error instanceof JSONRPCErrorException) throw error;
      this.#log.error(`${name} failed: this is a bug`, { err: error });
      throw new JSONRPCErrorException('internal error', JSONRPCErrorCode.InternalError);
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
