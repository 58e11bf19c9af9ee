import { truncate } from 'node:fs/promises';

import { type LogLine, ServeProcess, type ServeProcessOptions } from './serve-process.js';

export interface BackEndOptions {
  /** Several: guests that share the disk. */
  socketPath: string | readonly string[];
  /** Image or block device. */
  file: string;
  readOnly?: boolean;
  serial?: string;
  /** Further arguments of holdfast serve. */
  more?: readonly string[];
  /** A command that runs it, such as strace. */
  wrapper?: string[];
}

/** A `holdfast serve` behind a socket, as far as guests are concerned. */
export class BackEnd {
  readonly #file: string;
  readonly #server: ServeProcess;

  private constructor(file: string, server: ServeProcess) {
    this.#file = file;
    this.#server = server;
  }

  /** Starts it and waits until it serves; `onEnd` gets what ends it in any case. */
  static async start(
    { socketPath, file, readOnly = false, serial, more = [], wrapper = [] }: BackEndOptions,
    onEnd: NonNullable<ServeProcessOptions['onEnd']>,
  ): Promise<BackEnd> {
    const args = [
      ...[socketPath].flat().flatMap((path) => ['--socket-path', path]),
      ...['--blk-file', file],
      ...(readOnly ? ['--read-only'] : []),
      ...(serial === undefined ? [] : ['--serial', serial]),
      ...more,
    ];
    return new BackEnd(file, await ServeProcess.serving({ args, wrapper, onEnd }));
  }

  get pid(): number {
    return this.#server.pid;
  }

  get log(): LogLine[] {
    return this.#server.log;
  }

  /** Waits for a line of the log, from the one with index `from` on. */
  logged(text: string, from: number): Promise<LogLine> {
    return this.#server.logged(text, from);
  }

  /** Waits until a front end has gone, after the log line with index `from`. */
  async frontEndGone(from: number): Promise<void> {
    await this.#server.logged('front end disconnected', from);
  }

  /** Changes the image's size under the back end's feet, then tells it to look. */
  async resize(sizeBytes: number): Promise<void> {
    await truncate(this.#file, sizeBytes);
    const told = this.log.length;
    this.#server.signal('SIGHUP');
    await this.#server.logged('size read again', told);
  }

  /** Ends it as an administrator does. */
  async stop(): Promise<void> {
    this.#server.signal('SIGTERM');
    const end = await this.#server.exit();
    if (end !== 0) throw new Error(`the back end ended with ${end}: ${JSON.stringify(this.log)}`);
  }
}
