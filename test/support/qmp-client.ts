import { EventEmitter } from 'node:events';
import { createInterface } from 'node:readline';
import { type Duplex } from 'node:stream';

import { within } from './deadline.js';

const answerMilliseconds = 60_000;

interface Answer {
  return?: unknown;
  error?: { class: string; desc: string };
  event?: string;
  data?: unknown;
  QMP?: unknown;
}

interface Waiting {
  command: string;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/**
 * QEMU's machine protocol. Every QMP event is emitted under its own name, with its data; commands
 * answer in the order in which they were sent.
 */
export class QmpClient extends EventEmitter {
  readonly #stream: Duplex;
  readonly #waiting: Waiting[] = [];

  constructor(stream: Duplex) {
    super();
    this.#stream = stream;
    const lines = createInterface({ input: stream });
    lines.on('line', (line) => {
      this.#take(JSON.parse(line) as Answer);
    });
    // readline passes on what the stream reports; the close below follows.
    lines.on('error', () => undefined);
    stream.on('close', () => {
      for (const { command, reject } of this.#waiting.splice(0)) {
        reject(new Error(`QMP ${command}: QEMU closed its monitor`));
      }
    });
  }

  /** Leaves the negotiation mode; must come first. */
  async negotiate(): Promise<void> {
    await this.execute('qmp_capabilities');
  }

  /** Throws with QEMU's own description when it refuses, and when it does not answer. */
  execute(command: string, args: object = {}): Promise<unknown> {
    const answer = new Promise((resolve, reject) => {
      this.#waiting.push({ command, resolve, reject });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
    return within(answerMilliseconds, `QMP ${command}`, answer);
  }

  #take(answer: Answer): void {
    if (answer.QMP !== undefined) return;
    if (answer.event !== undefined) {
      this.emit(answer.event, answer.data);
      return;
    }
    const waiting = this.#waiting.shift();
    if (answer.error) {
      waiting?.reject(new Error(`QMP ${waiting.command}: ${answer.error.desc}`));
    } else {
      waiting?.resolve(answer.return);
    }
  }
}
