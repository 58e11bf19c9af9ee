import type { NativeConnection } from '../native/addon.js';
import { senseLengthMax } from '../scsi/received-sense.js';

/** What the helper answers; see QEMU's docs/interop/pr-helper.rst. */
export interface HelperReply {
  readonly status: number;
  /** 96 bytes, of meaning with CHECK CONDITION. */
  readonly sense: Buffer;
  readonly payload: Buffer;
}

const featuresLength = 4;
const cdbLength = 16;
const replyHeaderLength = 8 + senseLengthMax;
/** The protocol's, for parameter lists and for payloads. Bytes. */
export const helperDataMax = 8192;

/** One connection to a persistent reservation helper; one command at a time. */
export class PrHelperSession {
  readonly #connection: NativeConnection;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { length: number; resolve: (bytes: Buffer | undefined) => void } | undefined;
  #endReason: string | undefined;

  /** Exchanges the features, of which none is asked for; resolves to undefined if that fails. */
  static async begin(connection: NativeConnection): Promise<PrHelperSession | undefined> {
    const session = new PrHelperSession(connection);
    const features = await session.#take(featuresLength);
    if (features === undefined) return undefined;
    connection.send(Buffer.alloc(featuresLength));
    return session;
  }

  private constructor(connection: NativeConnection) {
    this.#connection = connection;
    connection.start({
      onData: (data) => {
        this.#receive(data);
      },
      onEnd: (reason) => {
        this.#end(reason === '' ? 'the helper closed the connection' : reason);
      },
    });
  }

  /** Why the connection has ended; undefined while it has not. */
  get endReason(): string | undefined {
    return this.#endReason;
  }

  /**
   * Sends a command.
   * @param fd of the device, duplicated
   * @returns undefined when the connection ended before the reply was whole
   */
  async request(cdb: Buffer, dataOut: Buffer, fd: number): Promise<HelperReply | undefined> {
    this.#connection.send(Buffer.concat([cdb], cdbLength), [fd]);
    if (dataOut.length > 0) this.#connection.send(dataOut);
    const header = await this.#take(replyHeaderLength);
    if (header === undefined) return undefined;
    const length = header.readUInt32BE(4);
    if (length > helperDataMax) {
      this.#end('the helper sent more than the protocol allows');
      return undefined;
    }
    const payload = await this.#take(length);
    if (payload === undefined) return undefined;
    return { status: header.readUInt32BE(0), sense: header.subarray(8), payload };
  }

  close(): void {
    this.#end('closed');
  }

  #take(length: number): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      this.#waiting = { length, resolve };
      this.#serve();
    });
  }

  #receive(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    this.#serve();
    // A reply is wanted whole before the next command goes out, so nothing may be left over.
    if (this.#waiting === undefined && this.#received.length > helperDataMax) {
      this.#end('the helper sent more than it was asked for');
    }
  }

  #serve(): void {
    if (this.#waiting === undefined) return;
    const { length, resolve } = this.#waiting;
    const isThere = this.#received.length >= length;
    if (!isThere && this.#endReason === undefined) return;
    this.#waiting = undefined;
    resolve(isThere ? this.#received.subarray(0, length) : undefined);
    if (isThere) this.#received = this.#received.subarray(length);
  }

  #end(reason: string): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = reason;
    this.#connection.close();
    this.#serve();
  }
}
