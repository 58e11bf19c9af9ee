/** multipathd's control socket: commands and replies as text. */
import { Socket } from 'node:net';
import { errnoOf } from '../util/failure.js';
import { connectUnixSocket } from '../util/unix-socket.js';

/** The second since multipath-tools 0.12, where it is tried first: only root can be there. */
const addresses = ['/run/multipathd.socket', '@/org/kernel/linux/storage/multipathd'] as const;

/** The length before each message is a size_t of the host, which is x86-64. */
const lengthBytes = 8;
/** multipathd's own uxsock_timeout: it answers only between its path checkers' rounds. */
const defaultTimeout = 4000;
/** Enough for `show config` with every device that multipath-tools knows (about 100 KiB). */
const replyMax = 4 * 1024 * 1024;

export type MultipathdReply =
  | { readonly kind: 'answered'; readonly text: string }
  /** Nobody listens: it doesn't run. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface MultipathdClientOptions {
  /** Unix sockets to try in order, `@` for abstract ones; multipathd's own by default. */
  readonly addresses?: readonly string[];
  /** For a whole exchange, milliseconds. */
  readonly timeoutMs?: number;
}

/**
 * Asks multipathd, one connection for each question as libmpathpersist does. Anybody may ask `list`
 * and `show`; it logs an attempt of anybody but root to do more.
 */
export class MultipathdClient {
  readonly #addresses: readonly string[];
  readonly #timeoutMs: number;

  constructor(options: MultipathdClientOptions = {}) {
    this.#addresses = options.addresses ?? addresses;
    this.#timeoutMs = options.timeoutMs ?? defaultTimeout;
  }

  /** Never rejects. @param command such as `show map dm-0 json` */
  async ask(command: string): Promise<MultipathdReply> {
    const connected = this.#connect();
    return connected instanceof Socket ? exchange(connected, command, this.#timeoutMs) : connected;
  }

  #connect(): Socket | MultipathdReply {
    let refusal: MultipathdReply = { kind: 'absent' };
    for (const address of this.#addresses) {
      try {
        const { fd, peerUid } = connectUnixSocket(address);
        const socket = new Socket({ fd });
        if (isTrusted(peerUid)) return socket;
        socket.destroy();
        refusal = failed(`${address} belongs to user ${peerUid}, not to root`);
      } catch (error) {
        const code = errnoOf(error);
        if (code === undefined) throw error;
        if (code !== 'ENOENT' && code !== 'ECONNREFUSED') refusal = failed(`${address}: ${code}`);
      }
    }
    return refusal;
  }
}

// Anybody can take an abstract address while multipathd doesn't run.
function isTrusted(peerUid: number): boolean {
  return peerUid === 0 || peerUid === process.geteuid?.();
}

function exchange(socket: Socket, command: string, timeoutMs: number): Promise<MultipathdReply> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      end(failed(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const end = (reply: MultipathdReply) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    let received = Buffer.alloc(0);
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      const reply = decode(received);
      if (reply !== undefined) end(reply);
    });
    socket.on('error', (error) => {
      end(failed(error.message));
    });
    socket.on('close', () => {
      end(failed('it closed the connection'));
    });
    socket.write(encode(command));
  });
}

function encode(command: string): Buffer {
  const text = Buffer.from(`${command}\0`);
  const length = Buffer.alloc(lengthBytes);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}

/** @returns undefined while the reply is not whole */
function decode(received: Buffer): MultipathdReply | undefined {
  if (received.length < lengthBytes) return undefined;
  const length = received.readBigUInt64LE(0);
  if (length === 0n || length > replyMax) return failed(`a reply of ${length} bytes`);
  const end = lengthBytes + Number(length);
  if (received.length < end) return undefined;
  // The last byte is a NUL.
  return { kind: 'answered', text: received.toString('utf8', lengthBytes, end - 1) };
}

function failed(reason: string): MultipathdReply {
  return { kind: 'failed', reason };
}
