/** What the two processes of a takeover say to each other: JSON lines, descriptors beside them. */
import * as v from 'valibot';
import type { NativeAddon, NativeConnection } from '../native/addon.js';
import { JsonLines } from '../fd-lines/json-lines.js';
import { PassedFds } from '../fd-lines/passed-fds.js';
import { closeAll } from '../util/close-all.js';
import { refusal } from '../util/failure.js';
import { fdsMax } from './state-format.js';

/** As many as go with a line. */
export const fdsPerLine = 8;
const lineBytesMax = 4 * 1024 * 1024;
const waitingMax = fdsMax / fdsPerLine + 16;

const Message = v.variant('type', [
  /** `fds` of them follow, in order, with lines of their own. */
  v.strictObject({
    type: v.literal('state'),
    fds: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(fdsMax)),
    state: v.unknown(),
  }),
  v.strictObject({ type: v.literal('fds') }),
  v.strictObject({ type: v.literal('ready') }),
  v.strictObject({
    type: v.literal('refused'),
    reason: v.pipe(v.string(), v.maxLength(4096)),
  }),
  v.strictObject({ type: v.literal('go') }),
  v.strictObject({ type: v.literal('running') }),
]);
export type TakeoverMessage = v.InferOutput<typeof Message>;

interface Received<Type extends TakeoverMessage['type'] = TakeoverMessage['type']> {
  readonly message: TakeoverMessage & { type: Type };
  /** The callee's. */
  readonly fds: readonly number[];
}

export class TakeoverChannel {
  readonly #lines: JsonLines;
  readonly #fds: PassedFds;
  readonly #waiting: Received[] = [];
  readonly #end = new AbortController();
  #changed: () => void = () => undefined;

  constructor(addon: Pick<NativeAddon, 'createLane'>, connection: NativeConnection) {
    this.#fds = new PassedFds(addon.createLane());
    this.#lines = new JsonLines(connection, this.#fds, lineBytesMax, {
      onLine: (line) => {
        this.#receive(line);
      },
      onEnd: (reason) => {
        this.#end.abort(reason === '' ? 'it closed the connection' : reason);
        this.#changed();
        void this.#fds.end();
      },
    });
    this.#lines.start();
  }

  /** @param fds stay the caller's */
  send(message: TakeoverMessage, fds: readonly number[] = []): void {
    this.#lines.send(message, [...fds]);
  }

  /**
   * The next message, which must be of this type.
   * @param stop ends waiting
   * @throws Failure (refused) with the peer's reason, or why none came
   */
  async next<Type extends TakeoverMessage['type']>(
    type: Type,
    stop?: AbortSignal,
  ): Promise<Received<Type>> {
    const received = await this.#take(stop);
    if (isOf(received, type)) return received;
    const { message, fds } = received;
    closeAll(fds);
    throw refusal(
      message.type === 'refused' ? message.reason : `it said ${message.type} and not ${type}`,
    );
  }

  /** Ends the connection; what came and was not taken is closed. */
  close(): void {
    this.#lines.end('');
    for (const { fds } of this.#waiting.splice(0)) closeAll(fds);
  }

  async #take(stop?: AbortSignal): Promise<Received> {
    for (;;) {
      const first = this.#waiting.shift();
      if (first !== undefined) return first;
      if (this.#end.signal.aborted) throw refusal(String(this.#end.signal.reason));
      if (stop?.aborted === true) throw refusal('it took too long');
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        stop?.addEventListener('abort', () => {
          resolve();
        });
      });
    }
  }

  #receive(line: string): void {
    const message = parsed(line);
    if (message === undefined || this.#waiting.length >= waitingMax) {
      this.#lines.end('it said what is no part of a takeover');
      return;
    }
    const fds: number[] = [];
    // Lines that were read together with the next one's descriptors have none of their own.
    while (message.type === 'fds') {
      const fd = this.#fds.take();
      if (fd === undefined) break;
      fds.push(fd);
    }
    this.#waiting.push({ message, fds });
    this.#changed();
  }
}

function isOf<Type extends TakeoverMessage['type']>(
  received: Received,
  type: Type,
): received is Received<Type> {
  return received.message.type === type;
}

function parsed(line: string): TakeoverMessage | undefined {
  try {
    const checked = v.safeParse(Message, JSON.parse(line));
    return checked.success ? checked.output : undefined;
  } catch {
    return undefined;
  }
}
