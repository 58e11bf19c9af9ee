/** The helper's end of a connection, driven by the test. */
import type { ConnectionHandlers, NativeConnection } from '../../../../src/native/addon.js';

export class FakeConnection implements NativeConnection {
  readonly peer = { pid: 1, uid: 0, gid: 0 };
  readonly sent: { data: Buffer; fds: number[] }[] = [];
  isClosed = false;
  #handlers: ConnectionHandlers | undefined;
  #onSent: () => void = () => undefined;

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
  }

  pause(): void {
    throw new Error('not expected');
  }

  resume(): void {
    throw new Error('not expected');
  }

  send(data: Uint8Array, fds: number[] = []): void {
    this.sent.push({ data: Buffer.from(data), fds });
    this.#onSent();
  }

  unsent(): number {
    return 0;
  }

  close(): void {
    this.end('');
  }

  /** Resolves when so many messages have been sent in all. */
  async sentInAll(count: number): Promise<void> {
    while (this.sent.length < count) {
      await new Promise<void>((resolve) => {
        this.#onSent = resolve;
      });
    }
  }

  receive(data: Buffer): void {
    this.#handlers?.onData(data, []);
  }

  end(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handlers?.onEnd(reason);
  }
}

/** A reply of the protocol. */
export function helperReply(
  status: number,
  payload: Buffer = Buffer.alloc(0),
  sense: Buffer = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(status, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, Buffer.concat([sense], 96), payload]);
}
