import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { successful } from './command.js';
import { loopDevice, mounted } from './scratch-device.js';
import { scratchImage } from './scratch.js';

const MiB = 2 ** 20;

/**
 * A loop device on a file of an ext4 that can be frozen: its writes then wait inside the kernel,
 * as on storage that has lost all its paths, until the thaw. Needs root.
 */
export class FrozenDisk {
  readonly device: string;
  readonly #mountPoint: string;
  #frozen = false;

  private constructor(device: string, mountPoint: string) {
    this.device = device;
    this.#mountPoint = mountPoint;
  }

  /** An unfrozen one of 32 MiB, allocated in full: only overwrites meet the freeze. */
  static async make(): Promise<FrozenDisk> {
    const fileSystem = await loopDevice(scratchImage(64 * MiB));
    await successful('mkfs.ext4', '-q', fileSystem);
    const mountPoint = await mounted(fileSystem);
    const file = join(mountPoint, 'disk');
    await successful('dd', 'if=/dev/zero', `of=${file}`, 'bs=1M', 'count=32', 'status=none');
    const device = await loopDevice(file, '--direct-io=on');
    // The block layer merges neighbouring writes, which would then count as one.
    writeFileSync(`/sys/block/${basename(device)}/queue/nomerges`, '2');
    return new FrozenDisk(device, mountPoint);
  }

  async freeze(): Promise<void> {
    await successful('fsfreeze', '--freeze', this.#mountPoint);
    this.#frozen = true;
    // Cleanups run last first: this one before that of a server whose write is stuck.
    onTestFinished(() => this.thaw());
  }

  async thaw(): Promise<void> {
    if (!this.#frozen) return;
    this.#frozen = false;
    await successful('fsfreeze', '--unfreeze', this.#mountPoint);
  }

  /** How many writes to the device the kernel has in flight. */
  writesNow(): number {
    const path = `/sys/block/${basename(this.device)}/inflight`;
    const [, writes] = readFileSync(path, 'utf8').trim().split(/\s+/);
    return Number(writes);
  }

  /**
   * Resolves when the kernel has `count` writes to the device in flight.
   * @throws Error with their number if that takes longer than a minute
   */
  async writesInFlight(count: number): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (this.writesNow() !== count) {
      if (performance.now() > deadline) {
        throw new Error(`${this.writesNow()} writes are in flight, not ${count}`);
      }
      await delay(10); // sysfs has no event for it
    }
  }
}
