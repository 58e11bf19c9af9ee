/** A back end's process, from its start until it is gone. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ExitCode, Failure } from '../util/failure.js';

const startMilliseconds = 20_000;
const stopMilliseconds = 10_000;
const lookEveryMilliseconds = 10;
/** Of what it says on stderr, so much is kept for the message if it fails. */
const keptCharacters = 2000;

export class ServerProcess {
  readonly #child: ChildProcess;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-keptCharacters);
    });
  }

  /**
   * Starts `command` on one CPU and waits until it listens on `socketPath`.
   * @throws Failure with its own words if it ends before, or does not listen in time.
   */
  static async start(
    command: readonly string[],
    socketPath: string,
    cpu: number,
  ): Promise<ServerProcess> {
    const child = spawn('taskset', ['--cpu-list', String(cpu), ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const server = new ServerProcess(child);
    try {
      await server.#listening(socketPath, command);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The last line on its stderr. */
  get lastWords(): string {
    return this.#stderr.trim().split('\n').at(-1) ?? '';
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const closed = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), stopMilliseconds);
    await closed;
    clearTimeout(killer);
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #listening(socketPath: string, command: readonly string[]): Promise<void> {
    const deadline = Date.now() + startMilliseconds;
    while (!isListening(readFileSync('/proc/net/unix', 'utf8'), socketPath)) {
      if (this.#ended || Date.now() > deadline) {
        const what = this.#ended ? 'ended at its start' : 'does not listen';
        throw new Failure(ExitCode.internal, `${command.join(' ')} ${what}: ${this.#stderr}`);
      }
      await delay(lookEveryMilliseconds);
    }
  }
}

/** @param table the text of /proc/net/unix: its flags field has __SO_ACCEPTCON for a listener. */
export function isListening(table: string, socketPath: string): boolean {
  return table.split('\n').some((line) => {
    const [, , , flags, , , , path] = line.trim().split(/\s+/);
    return path === socketPath && flags === '00010000';
  });
}
