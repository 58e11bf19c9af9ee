/** A lane whose kernel is the test's. */
import type { NativeLane } from '../../../../src/native/addon.js';

export interface FakeIoctl {
  readonly fd: number;
  readonly request: number;
  readonly argument: Buffer;
  /** What `argument` points to, by the offset of the pointer. */
  readonly buffer: (offset: number) => Buffer;
}

/** What ioctl(2) returns; fails by throwing `errno(...)`. */
export type Kernel = (call: FakeIoctl) => number | Promise<number>;

export function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

export class FakeLane implements NativeLane {
  readonly opened: { path: string; flags: number }[] = [];
  readonly closed: number[] = [];
  readonly calls: FakeIoctl[] = [];
  isEnded = false;
  /** The call inside the kernel: there is one at a time, and it is before what comes later. */
  #inside: Promise<number> | undefined;
  readonly #kernel: Kernel;
  readonly #open: (path: string) => number | Promise<number>;

  constructor(kernel: Kernel, open: (path: string) => number | Promise<number> = () => 7) {
    this.#kernel = kernel;
    this.#open = open;
  }

  async open(path: string, flags: number): Promise<number> {
    this.opened.push({ path, flags });
    return await this.#open(path);
  }

  async ioctl(
    fd: number,
    request: number,
    argument: Uint8Array,
    pointers: { offset: number; buffer: Uint8Array }[],
  ): Promise<number> {
    if (this.#inside !== undefined) throw new Error('two calls on one lane at a time');
    if (this.isEnded || this.closed.includes(fd)) throw new Error('a call after the end');
    const call = {
      fd,
      request,
      argument: view(argument),
      buffer: (offset: number) =>
        view(pointers.find((pointer) => pointer.offset === offset)?.buffer ?? new Uint8Array()),
    };
    this.calls.push(call);
    this.#inside = Promise.resolve(call).then(this.#kernel);
    try {
      return await this.#inside;
    } finally {
      this.#inside = undefined;
    }
  }

  async close(fd: number): Promise<void> {
    this.closed.push(fd);
    await this.#inside?.catch(() => undefined);
  }

  end(): void {
    this.isEnded = true;
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Later than any test takes. On the clock of performance.now(). */
export function soon(): number {
  return performance.now() + 60_000;
}

/** A call that comes back when it is let go. */
export function hanging() {
  let letGo: (value: number) => void = () => undefined;
  const held = new Promise<number>((resolve) => {
    letGo = resolve;
  });
  const kernel: Kernel = () => held;
  return {
    kernel,
    letGo: (value: number) => {
      letGo(value);
    },
  };
}
