import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { command, successful } from './command.js';
import { loopDevice, mounted } from './scratch-device.js';
import { scratchImage } from './scratch.js';

const MiB = 2 ** 20;

/** Numbers of requests. */
export interface InFlight {
  reads: number;
  writes: number;
}

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

  /**
   * Reads wait, too: a loop device takes up in order what it was given, and another program's write
   * to the disk's last block comes first.
   */
  async freezeReads(): Promise<void> {
    await this.freeze();
    const lastBlock = ['bs=4k', 'count=1', `seek=${(32 * MiB) / 4096 - 1}`, 'oflag=direct'];
    void command('dd', 'if=/dev/zero', `of=${this.device}`, ...lastBlock);
    await this.writesInFlight(1);
  }

  async thaw(): Promise<void> {
    if (!this.#frozen) return;
    this.#frozen = false;
    await successful('fsfreeze', '--unfreeze', this.#mountPoint);
  }

  /** What the kernel has in flight to the device. */
  inFlightNow(): InFlight {
    const path = `/sys/block/${basename(this.device)}/inflight`;
    const [reads = 0, writes = 0] = readFileSync(path, 'utf8').trim().split(/\s+/).map(Number);
    return { reads, writes };
  }

  /** Resolves when `count` writes are in flight; throws like inFlightUntil(). */
  writesInFlight(count: number): Promise<void> {
    return this.inFlightUntil(({ writes }) => writes === count);
  }

  /**
   * Resolves when what is in flight is `enough`.
   * @throws Error with what is if that takes longer than a minute
   */
  async inFlightUntil(enough: (now: InFlight) => boolean): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!enough(this.inFlightNow())) {
      if (performance.now() > deadline) {
        throw new Error(`in flight for a minute: ${JSON.stringify(this.inFlightNow())}`);
      }
      await delay(10); // sysfs has no event for it
    }
  }
}
