import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

const headerSize = 12;
const version = 1;
const replyFlag = 4;

export const Request = { getFeatures: 1, setOwner: 3, getProtocolFeatures: 15, getQueueNum: 17 };

/** The little of vhost-user that needs no fds, written by hand: requests without payload. */
export class RawFrontEnd {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    onTestFinished(() => {
      socket.destroy();
    });
  }

  static async connect(socketPath: string): Promise<RawFrontEnd> {
    const socket = connect(socketPath);
    await once(socket, 'connect');
    return new RawFrontEnd(socket);
  }

  send(request: number): void {
    const header = Buffer.alloc(headerSize);
    header.writeUInt32LE(request, 0);
    header.writeUInt32LE(version, 4);
    this.sendBytes(header);
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Sends a request that is answered with a u64, and checks the answer's header. */
  async ask(request: number): Promise<bigint> {
    this.send(request);
    const reply = await this.#read(headerSize + 8);
    if (reply.readUInt32LE(0) !== request || (reply.readUInt32LE(4) & replyFlag) === 0) {
      throw new Error(`not a reply to ${request}: ${reply.toString('hex')}`);
    }
    return reply.readBigUInt64LE(headerSize);
  }

  async #read(size: number): Promise<Buffer> {
    for (;;) {
      const data = this.#socket.read(size) as Buffer | null;
      if (data !== null) return data;
      if (this.#socket.readableEnded) throw new Error('the back end closed the connection');
      await Promise.race([once(this.#socket, 'readable'), once(this.#socket, 'end')]);
    }
  }

  /** Closes the connection; resolves when it is closed. */
  async drop(): Promise<void> {
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }
}
