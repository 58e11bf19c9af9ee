import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll } from 'vitest';

import { BackEnd, type BackEndOptions } from './back-end.js';
import { buildImages, checkout } from './images.js';
import { QemuGuest, type QemuOptions } from './qemu-guest.js';
import { UmlGuest, type UmlOptions } from './uml-guest.js';

/**
 * A bench for back ends and guests: a scratch directory, and everything started through it is
 * ended, in reverse order, when the tests of the describe block are over, however they ended.
 */
export class Rig {
  #directory = '';
  #logs = 0;
  readonly #backEnds: BackEnd[] = [];
  readonly #cleanups: (() => Promise<void>)[] = [];

  /** Scratch directory on the checkout's file system, with a path short enough for sockets. */
  get directory(): string {
    return this.#directory;
  }

  path(name: string): string {
    return `${this.#directory}/${name}`;
  }

  /** A sparse image. */
  async image(name: string, sizeBytes: number): Promise<string> {
    const path = this.path(name);
    await writeFile(path, '');
    await truncate(path, sizeBytes);
    return path;
  }

  async backEnd(options: BackEndOptions): Promise<BackEnd> {
    const backEnd = await BackEnd.start(options, (end) => this.#cleanups.push(end));
    this.#backEnds.push(backEnd);
    return backEnd;
  }

  /** Starts QEMU; `booted` on what it returns waits for the guest. */
  async qemu(options: QemuOptions): Promise<QemuGuest> {
    const guest = new QemuGuest(options, this.#directory, this.#nextLog('qemu'));
    this.#cleanups.push(() => guest.kill());
    await guest.started();
    return guest;
  }

  uml(options: UmlOptions = {}): UmlGuest {
    const guest = new UmlGuest(options, this.#directory, this.#nextLog('uml'));
    this.#cleanups.push(() => guest.kill());
    return guest;
  }

  /** Why user-mode Linux can't run on this machine; empty if it can. */
  async umlObstacle(): Promise<string> {
    const guest = this.uml();
    try {
      await guest.booted();
      await guest.powerOff();
      return '';
    } catch (error) {
      return `user-mode Linux does not boot here, even without a disk: ${String(error)}`;
    }
  }

  open(): void {
    const parent = `${checkout}.cache`;
    mkdirSync(parent, { recursive: true });
    this.#directory = mkdtempSync(`${parent}/rig-`);
  }

  /** Ends whatever was started and still runs. */
  async clear(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  /** `failed`: shows the logs before they go. */
  async close(failed: boolean): Promise<void> {
    await this.clear();
    if (failed) this.#showLogs();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #nextLog(kind: string): string {
    this.#logs += 1;
    return this.path(`${this.#logs}-${kind}.log`);
  }

  #showLogs(): void {
    for (const name of readdirSync(this.#directory).filter((name) => name.endsWith('.log'))) {
      const lines = readFileSync(this.path(name), 'utf8').split('\n').slice(-60);
      console.error(`--- ${name}\n${lines.join('\n')}`);
    }
    for (const { log } of this.#backEnds) {
      console.error(`--- back end\n${log.map((line) => JSON.stringify(line)).join('\n')}`);
    }
  }
}

/** A rig for the tests of the describe block that this is called in. */
export function useRig(): Rig {
  const rig = new Rig();
  beforeAll(async () => {
    await buildImages();
    rig.open();
  });
  afterAll(async ({}, suite) => {
    await rig.close(suite.tasks.some((task) => task.result?.state === 'fail'));
  });
  return rig;
}
