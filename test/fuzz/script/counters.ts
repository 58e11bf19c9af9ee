/** How often a place was reached, by its number. */
type Counts = Record<string, number> | number[];

/** What istanbul counts of one module. */
interface ModuleCoverage {
  /** Statements. */
  readonly s: Record<string, number>;
  /** Branches: the ways that each can take. */
  readonly b: Record<string, number[]>;
}

/** What was reached, as the bytes that libFuzzer looks at. */
export class Counters {
  readonly bytes: Uint8Array;
  /** istanbul's own, with their places. */
  readonly #places: { counts: Counts; keys: string[] }[];

  /** Of all modules that are loaded now. */
  constructor() {
    const { __coverage__ = {} } = globalThis as { __coverage__?: Record<string, ModuleCoverage> };
    this.#places = Object.values(__coverage__)
      .flatMap(({ s, b }): Counts[] => [s, ...Object.values(b)])
      .map((counts) => ({ counts, keys: Object.keys(counts) }));
    this.bytes = new Uint8Array(this.#places.reduce((sum, { keys }) => sum + keys.length, 0));
  }

  reset(): void {
    for (const { counts, keys } of this.#places) {
      for (const key of keys) numbered(counts)[key] = 0;
    }
  }

  /** Fills in what was reached since `reset`. */
  collect(): void {
    let at = 0;
    for (const { counts, keys } of this.#places) {
      for (const key of keys) this.bytes[at++] = Math.min(numbered(counts)[key] ?? 0, 0xff);
    }
  }
}

/** Arrays have the numbers of their elements. */
function numbered(counts: Counts): Record<string, number> {
  return counts as Record<string, number>;
}
