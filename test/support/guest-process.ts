import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type Duplex } from 'node:stream';

import { within } from './deadline.js';
import { GuestAgent } from './guest-agent.js';

const bootMilliseconds = 180_000;
const powerOffMilliseconds = 60_000;

export interface GuestExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** How a guest's process is started. */
export interface GuestLaunch {
  command: string[];
  cwd: string;
  /** File that the process's stdout and stderr are appended to. */
  log: string;
  /** Sockets that the process finds at fd 3 and up; the agent's is the first. */
  sockets: number;
}

/** A virtual machine that is a process of ours, with the agent of guest-init inside. */
export class GuestProcess {
  readonly agent: GuestAgent;
  /** Resolves when the process has ended, whatever ended it. */
  readonly exited: Promise<GuestExit>;
  readonly #process: ChildProcess;
  readonly #log: string;

  constructor(launch: GuestLaunch) {
    const [program = '', ...args] = launch.command;
    this.#log = launch.log;
    const log = openSync(launch.log, 'a');
    this.#process = spawn(program, args, {
      cwd: launch.cwd,
      stdio: ['ignore', log, log, ...Array.from({ length: launch.sockets }, () => 'pipe' as const)],
    });
    closeSync(log);
    this.exited = once(this.#process, 'exit').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    for (let fd = 3; fd < 3 + launch.sockets; fd += 1) {
      // A killed process resets its sockets; their users see them closed.
      this.socket(fd).on('error', () => undefined);
    }
    this.agent = new GuestAgent(this.socket(3));
  }

  /** Our end of the socket that the process has at `fd`. */
  protected socket(fd: number): Duplex {
    return this.#process.stdio[fd] as unknown as Duplex;
  }

  /** Resolves when the guest has come up `count` times since it was started. */
  booted(count = 1): Promise<void> {
    return this.explain(within(bootMilliseconds, `boot ${count}`, this.agent.booted(count)));
  }

  /** Runs a shell script in the guest: see GuestAgent.run. */
  run(script: string, timeoutMs?: number): Promise<string> {
    return this.explain(this.agent.run(script, timeoutMs));
  }

  /** Shuts the guest down from inside. */
  async powerOff(): Promise<void> {
    this.agent.leave('sync; poweroff -f');
    const end = within(powerOffMilliseconds, 'power-off', this.exited);
    const { code, signal } = await this.explain(end);
    if (code !== 0) throw new Error(`the guest ended with ${signal ?? `exit code ${code ?? ''}`}`);
  }

  /** Ends the process at once, if it still runs. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }

  /** Adds the last lines of the log to an error. */
  protected async explain<T>(outcome: Promise<T>): Promise<T> {
    try {
      return await outcome;
    } catch (error) {
      const lastLines = readFileSync(this.#log, 'utf8').split('\n').slice(-30).join('\n');
      throw new Error(`${(error as Error).message}\n--- its log\n${lastLines}`, { cause: error });
    }
  }
}
