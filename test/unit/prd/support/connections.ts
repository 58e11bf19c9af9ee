import type { ConnectionHandlers, NativeConnection } from '../../../../src/native/addon.js';
import type { FakeFds } from './fake-fds.js';

/** One end of a socket in memory: what is sent arrives in order, in a turn of its own. */
export class FakeConnection implements NativeConnection {
  peer = { pid: process.pid, uid: 1000, gid: 1000 };
  other: FakeConnection | undefined;
  readonly #fds: FakeFds;
  #handlers: ConnectionHandlers | undefined;
  #waiting: (() => void)[] = [];
  #ended = false;
  /** What `unsent` says: a peer that doesn't read. */
  stuckBytes = 0;

  constructor(fds: FakeFds) {
    this.#fds = fds;
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    for (const deliver of this.#waiting.splice(0)) setImmediate(deliver);
  }

  pause(): void {
    throw new Error('not used');
  }

  resume(): void {
    throw new Error('not used');
  }

  send(data: Uint8Array, fds: number[] = []): void {
    if (this.#ended) return;
    const passed = fds.map((fd) => this.#fds.duplicate(fd));
    this.other?.arrive(Buffer.from(data), passed);
  }

  unsent(): number {
    return this.stuckBytes;
  }

  close(): void {
    this.end('');
    this.other?.end('');
  }

  /** As if it broke. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deliver(() => this.#handlers?.onEnd(reason));
  }

  arrive(data: Buffer, fds: number[]): void {
    this.#deliver(() => this.#handlers?.onData(data, fds));
  }

  #deliver(deliver: () => void): void {
    if (this.#handlers === undefined) this.#waiting.push(deliver);
    else setImmediate(deliver);
  }
}

export function connectionPair(fds: FakeFds): [FakeConnection, FakeConnection] {
  const [a, b] = [new FakeConnection(fds), new FakeConnection(fds)];
  a.other = b;
  b.other = a;
  return [a, b];
}
