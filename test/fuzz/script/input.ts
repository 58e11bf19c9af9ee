/** The fuzzer's bytes, read from the front; past the end everything reads as zero. */
export class Input {
  #rest: Buffer;

  constructor(bytes: Buffer) {
    this.#rest = bytes;
  }

  get empty(): boolean {
    return this.#rest.length === 0;
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0;
  }

  flag(): boolean {
    return (this.byte() & 1) !== 0;
  }

  /** @param values at least one */
  pick<Value>(values: readonly Value[]): Value {
    return values[this.byte() % values.length] as Value;
  }

  /** At most `length` of them. */
  bytes(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  /** Of up to 255 bytes. */
  text(): string {
    return this.bytes(this.byte()).toString();
  }
}
