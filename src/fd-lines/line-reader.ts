/** Cuts a stream of bytes into lines of at most `lineBytesMax`, line ends not counted. */
export class LineReader {
  readonly #lineBytesMax: number;
  #begun: Buffer[] = [];
  #begunBytes = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Whether the last byte so far was inside a line. */
  get insideLine(): boolean {
    return this.#begunBytes > 0;
  }

  /** @returns the lines that are complete now, or undefined if one is too long: end it then */
  push(chunk: Buffer): string[] | undefined {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      if (!this.#add(chunk.subarray(start, end))) return undefined;
      lines.push(Buffer.concat(this.#begun).toString('utf8'));
      this.#begun = [];
      this.#begunBytes = 0;
      start = end + 1;
    }
    return this.#add(chunk.subarray(start)) ? lines : undefined;
  }

  #add(part: Buffer): boolean {
    if (part.length > 0) this.#begun.push(part);
    this.#begunBytes += part.length;
    return this.#begunBytes <= this.#lineBytesMax;
  }
}
