/** Messages of JSON, one a line, over a socket that carries descriptors beside them. */
import type { NativeConnection } from '../native/addon.js';
import { LineReader } from './line-reader.js';
import type { PassedFds } from './passed-fds.js';

/** Of descriptors that wait to be taken or can't be closed. */
const fdsMax = 8;
/** Of what the peer doesn't read. */
const unreadBytesMax = 4 * 1024 * 1024;

export interface JsonLinesHandlers {
  /** What came with a line and nobody takes is closed, and the connection ended. */
  onLine: (line: string) => void;
  /** Called once; `reason` is empty for an orderly end by either side. */
  onEnd: (reason: string) => void;
}

export class JsonLines {
  readonly #connection: NativeConnection;
  readonly #handlers: JsonLinesHandlers;
  readonly #reader: LineReader;
  readonly #fds: PassedFds;
  #ended = false;

  constructor(
    connection: NativeConnection,
    fds: PassedFds,
    lineBytesMax: number,
    handlers: JsonLinesHandlers,
  ) {
    this.#connection = connection;
    this.#fds = fds;
    this.#reader = new LineReader(lineBytesMax);
    this.#handlers = handlers;
  }

  /** To be called once, when all is set up to receive. */
  start(): void {
    this.#connection.start({
      onData: (data, fds) => {
        this.#receive(data, fds);
      },
      onEnd: (reason) => {
        this.end(reason);
      },
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Does nothing after the end. @param fds stay the caller's */
  send(message: object, fds: number[] = []): void {
    if (this.#ended) return;
    this.#connection.send(Buffer.from(`${JSON.stringify(message)}\n`), fds);
    if (this.#connection.unsent() > unreadBytesMax) this.end('it does not read what it is sent');
  }

  /** Ends the connection at once. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#fds.closeAll();
    this.#connection.close();
    this.#handlers.onEnd(reason);
  }

  #receive(data: Buffer, fds: number[]): void {
    this.#fds.add(fds);
    if (this.#ended) {
      this.#fds.closeAll();
      return;
    }
    if (this.#fds.length + this.#fds.closing > fdsMax) {
      this.end('it passed too many descriptors');
      return;
    }
    const lines = this.#reader.push(data);
    if (lines === undefined) {
      this.end('it sent a line that is too long');
      return;
    }
    for (const line of lines) if (!this.ended) this.#handlers.onLine(line);
    // The kernel ends a read at the message a descriptor came with: it belongs to no later line.
    if (this.#fds.length > 0 && !this.#reader.insideLine) {
      this.end('it passed a descriptor that no request takes');
    }
  }
}
