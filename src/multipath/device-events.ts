import { watch, type FSWatcher } from 'node:fs';

/** udev keeps a file for each device and replaces it when it has handled an event of it. */
const udevDatabase = '/run/udev/data';

/** Events come in bursts: a disk, its partitions, the map above it. */
const settleMilliseconds = 20;

/**
 * Wakes its listeners soon after devices came, went or changed, those of device mapper included,
 * without any privilege. Kernel uevents themselves come by a netlink socket, which Node can't read;
 * udev's database shows the same events a moment later. Where there is no udev there are no events,
 * and states that the kernel tells no event of (`blocked`, `transport-offline`, an iSCSI session's)
 * never have any: who needs them must look from time to time.
 */
export class DeviceEvents {
  readonly #folder: string;
  readonly #listeners = new Set<() => void>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(folder = udevDatabase) {
    this.#folder = folder;
  }

  /** @returns what ends it */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#watcher ??= this.#watch();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.#folder, { persistent: false }, () => {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          for (const listener of this.#listeners) listener();
        }, settleMilliseconds);
      });
      watcher.on('error', () => {
        this.#stop();
      });
      return watcher;
    } catch {
      // No udev here, or no inotify watch left: the listeners look from time to time anyway.
      return undefined;
    }
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
