import { type Interference, interference, type MultipathdClaims } from './interference.js';

/** An answer of multipathd's that is younger is not asked for again, milliseconds. */
const answerAgeMaxMs = 1_000;

export interface InterferenceWatchOptions {
  readonly ask: () => Promise<MultipathdClaims>;
  /** multipathd's name of the map, for messages. */
  readonly map: string;
  /** multipathd is told of every registration. */
  readonly tells: boolean;
  /** Milliseconds; performance.now() by default. */
  readonly now?: () => number;
}

/**
 * Whether multipathd, which left the reservations alone when they were opened, does so still: it may
 * have been started or configured anew since (fencing rule 19).
 */
export class InterferenceWatch {
  readonly #options: InterferenceWatchOptions;
  readonly #now: () => number;
  #found: Interference | undefined;
  #askedAt = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(options: InterferenceWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * What stands against the reservations now, and what to do, as part of a sentence. What multipathd
   * doesn't answer is as it was: its settings change only when it starts or reads them again, and a
   * slow answer must not stop a guest. Never rejects.
   */
  async obstacle(): Promise<string | undefined> {
    if (this.#now() - this.#askedAt >= answerAgeMaxMs) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
    return this.#found && `${this.#found.what}: ${this.#found.advice}`;
  }

  async #ask(): Promise<void> {
    const { ask, map, tells } = this.#options;
    const claims = await ask();
    this.#askedAt = this.#now();
    if (claims.reservationKey.kind === 'unknown') return;
    this.#found = interference(claims, map, tells);
  }
}
