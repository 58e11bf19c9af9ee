import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** One line of the server's JSON log. */
export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

export interface ServeProcessOptions {
  /** Of holdfast; serve by default. */
  command?: 'serve' | 'prd';
  /** Arguments of that command. */
  args: string[];
  /** Of the environment, beside the test's own. */
  environment?: Record<string, string>;
  /** Arguments of node itself. */
  nodeArgs?: string[];
  /** A command that runs it, such as strace. */
  wrapper?: string[];
  /** Takes what kills it if it still runs; by default that is done when the test ends. */
  onEnd?: (end: () => Promise<void>) => void;
}

/** A real `holdfast serve`, or another of its daemons. */
export class ServeProcess {
  readonly log: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | NodeJS.Signals>;
  #onLine: () => void = () => undefined;
  #stdout = '';

  constructor(options: ServeProcessOptions) {
    const { args, nodeArgs = [], wrapper = [], onEnd = onTestFinished } = options;
    const [program = '', ...rest] = [
      ...wrapper,
      process.execPath,
      ...nodeArgs,
      main,
      options.command ?? 'serve',
      ...args,
    ];
    this.#child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
    });
    this.#exit = this.#ended();
    onEnd(async () => {
      this.signal('SIGKILL');
      await this.#exit;
    });
  }

  /** Starts `holdfast serve` and waits until it serves. */
  static async serving(options: ServeProcessOptions): Promise<ServeProcess> {
    const server = new ServeProcess(options);
    await server.logged('serving');
    return server;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('holdfast could not be started');
    return this.#child.pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code, or the signal that ended it. */
  exit(): Promise<number | NodeJS.Signals> {
    return this.#exit;
  }

  /**
   * Waits for a log line that contains `text`, from the one with index `from` on; rejects with the
   * whole log if the process ends first.
   */
  async logged(text: string, from = 0): Promise<LogLine> {
    const find = () => this.log.slice(from).find(({ msg }) => msg.includes(text));
    for (;;) {
      const line = find();
      if (line !== undefined) return line;
      const next = new Promise<void>((resolve) => {
        this.#onLine = resolve;
      });
      const code = await Promise.race([next, this.#exit]);
      if (code !== undefined && find() === undefined) {
        throw new Error(`ended (${code}) without logging "${text}": ${JSON.stringify(this.log)}`);
      }
    }
  }

  async #ended(): Promise<number | NodeJS.Signals> {
    const { stdout, stderr } = this.#child;
    stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    if (stderr === null) throw new Error('stderr is no pipe');
    createInterface(stderr).on('line', (line) => {
      this.log.push(parseLine(line));
      this.#onLine();
    });
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, NodeJS.Signals];
    return code ?? signal;
  }
}

/** What isn't JSON (usage errors, a crash of node) is kept as a line of its own level. */
function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: 'plain', msg: line };
  }
}
