import type { FdRefusal, PassedDevice } from '../../../../src/prd/passed-device.js';

/** Descriptors that exist only here: what is not closed again shows in `open`. */
export class FakeFds {
  readonly open = new Map<number, PassedDevice | FdRefusal>();
  /** Called by every close; what it returns is waited for. */
  beforeClose: (fd: number) => Promise<void> = () => Promise.resolve();
  #last = 100;

  /** A new descriptor. */
  of(device: PassedDevice | FdRefusal): number {
    this.open.set(++this.#last, device);
    return this.#last;
  }

  duplicate(fd: number): number {
    return this.of(this.examine(fd));
  }

  examine = (fd: number): PassedDevice | FdRefusal => {
    const device = this.open.get(fd);
    if (device === undefined) throw new Error(`fd ${fd} is not open`);
    return device;
  };

  /** In place of a native lane. */
  lane() {
    return {
      close: async (fd: number) => {
        await this.beforeClose(fd);
        if (!this.open.delete(fd)) throw new Error(`fd ${fd} was closed twice`);
      },
      end: () => undefined,
    };
  }
}

export const disk: PassedDevice = { kind: 'block', number: '253:0', writable: true };
export const readOnlyDisk: PassedDevice = { ...disk, writable: false };
