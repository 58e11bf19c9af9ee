import { expect } from 'vitest';
import { scratchSocket } from './scratch.js';
import { ServeProcess } from './serve-process.js';

/** Processes that serve one after another, by the same options. */
export class ServerLine {
  readonly controlPath: string;
  readonly #args: string[];
  current: ServeProcess;

  /**
   * @param args of all of them
   * @param wrapper a command that runs the first one
   */
  private constructor(args: string[], controlPath: string, wrapper: string[]) {
    this.controlPath = controlPath;
    this.#args = [...args, '--control-socket', controlPath];
    this.current = new ServeProcess({ args: this.#args, wrapper });
  }

  static async serving(
    args: string[],
    { controlPath = scratchSocket(), wrapper = [] as string[] } = {},
  ): Promise<ServerLine> {
    const line = new ServerLine(args, controlPath, wrapper);
    await line.current.logged('serving');
    return line;
  }

  /** The next process, which is to take over. */
  next(environment: Record<string, string> = {}, ...more: string[]): ServeProcess {
    return new ServeProcess({ args: [...this.#args, '--takeover', ...more], environment });
  }

  /** @returns for how long the guests stood still, milliseconds */
  async takeOver(): Promise<number> {
    const next = this.next();
    await next.logged('serving');
    const before = this.current;
    this.current = next;
    expect(await before.exit()).toBe(0);
    return Number((await before.logged('has taken over')).pauseMilliseconds);
  }
}
