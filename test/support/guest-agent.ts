import { type Duplex } from 'node:stream';

interface Running {
  script: string;
  resolve: (output: string) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

const ready = Buffer.from('\0ready\n');

/** The host's end of test/images/agent: runs shell scripts in a guest, one at a time. */
export class GuestAgent {
  readonly #stream: Duplex;
  #received = Buffer.alloc(0);
  #running: Running | undefined;
  #id = 0;
  #answered = 0;
  #boots = 0;
  #gone = false;
  #wakeBooted = new Set<() => void>();

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#parse();
    });
    stream.on('close', () => {
      this.#gone = true;
      this.#fail('the guest is gone');
      this.#wake();
    });
  }

  /** How often the guest has come up. */
  get boots(): number {
    return this.#boots;
  }

  /** Whether the guest has answered all that it was sent, also what was given up waiting for. */
  get idle(): boolean {
    return this.#answered === this.#id;
  }

  /** Resolves when the guest has come up `count` times since it was started. */
  async booted(count = 1): Promise<void> {
    while (this.#boots < count) {
      if (this.#gone) throw new Error('the guest is gone before it came up');
      await new Promise<void>((resolve) => {
        this.#wakeBooted.add(resolve);
      });
    }
  }

  /**
   * Returns what the script printed on stdout and stderr; throws, with that in the message, if it
   * ends with another code than 0 or takes longer than `timeoutMs`.
   */
  run(script: string, timeoutMs = 120_000): Promise<string> {
    if (this.#running) throw new Error(`the guest still runs: ${this.#running.script}`);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(`no answer within ${timeoutMs} ms`);
      }, timeoutMs);
      this.#running = { script, resolve, reject, timer };
      this.#id += 1;
      this.#stream.write(`${this.#id} ${Buffer.from(script).toString('base64')}\n`);
    });
  }

  /** Sends a script that ends the guest's run, such as `poweroff -f`, and so never answers. */
  leave(script: string): void {
    this.run(script).catch(() => {
      // Rejected by the guest's end or by its next boot: that is the answer.
    });
  }

  #parse(): void {
    // A restart may cut an answer short anywhere, so all that precedes this mark is void.
    const boot = this.#received.lastIndexOf(ready);
    if (boot >= 0) {
      this.#received = this.#received.subarray(boot + ready.length);
      this.#boots += 1;
      this.#answered = this.#id;
      this.#fail('the guest restarted');
      this.#wake();
    }
    for (;;) {
      const headerEnd = this.#received.indexOf('\n') + 1;
      if (headerEnd === 0) return;
      const [id, exitCode, length = 0] = this.#received
        .toString('latin1', 0, headerEnd)
        .split(' ')
        .map(Number);
      if (this.#received.length < headerEnd + length) return;
      const output = this.#received.toString('utf8', headerEnd, headerEnd + length);
      this.#received = this.#received.subarray(headerEnd + length);
      if (id !== this.#id) continue;
      this.#answered = id;
      this.#finish(exitCode, output);
    }
  }

  #finish(exitCode: number | undefined, output: string): void {
    if (exitCode !== 0) {
      this.#fail(`exit code ${exitCode ?? 'unknown'}: ${output}`);
      return;
    }
    this.#take()?.resolve(output);
  }

  #fail(reason: string): void {
    const running = this.#take();
    running?.reject(new Error(`in the guest: ${running.script.trim()}\n${reason}`));
  }

  #take(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    clearTimeout(running?.timer);
    return running;
  }

  #wake(): void {
    const waiting = this.#wakeBooted;
    this.#wakeBooted = new Set();
    for (const wake of waiting) wake();
  }
}
