/** The log of what guests and socket peers cause: they must not be able to fill a disk with it. */
import type { Logger } from 'pino';
import { TokenBucket } from './token-bucket.js';

const linesPerSecond = 1;
const burst = 50;

export class PeerLog {
  readonly #log: Logger;
  readonly #bucket: TokenBucket;
  #suppressed = 0;

  constructor(log: Logger, bucket = new TokenBucket(linesPerSecond, burst)) {
    this.#log = log;
    this.#bucket = bucket;
  }

  info(message: string, fields: object = {}): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields: object = {}): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields: object = {}): void {
    this.#write('error', message, fields);
  }

  /** A line that passes after others did not carries their number as `suppressed`. */
  #write(level: 'info' | 'warn' | 'error', message: string, fields: object): void {
    if (!this.#bucket.take()) {
      this.#suppressed++;
      return;
    }
    const suppressed = this.#suppressed === 0 ? {} : { suppressed: this.#suppressed };
    this.#suppressed = 0;
    this.#log[level]({ ...fields, ...suppressed }, message);
  }
}
