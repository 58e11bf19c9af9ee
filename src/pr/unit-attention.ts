import type { Sense } from './sense.js';

/**
 * The unit attention conditions one nexus has not been told of yet (SAM-5 §5.14): in the order in
 * which they were established, each once, however often it was established.
 */
export class UnitAttentions {
  readonly #pending: Sense[] = [];
  readonly #onChange: (pending: boolean) => void;

  /** @param onChange told whenever the queue becomes empty or stops being empty */
  constructor(onChange: (pending: boolean) => void = () => undefined) {
    this.#onChange = onChange;
  }

  get pending(): boolean {
    return this.#pending.length > 0;
  }

  establish(condition: Sense): void {
    if (this.#pending.some((known) => isSame(known, condition))) return;
    this.#pending.push(condition);
    if (this.#pending.length === 1) this.#onChange(true);
  }

  /** Drops a condition that the nexus has learned of in another way. */
  withdraw(condition: Sense): void {
    const at = this.#pending.findIndex((known) => isSame(known, condition));
    if (at === -1) return;
    this.#pending.splice(at, 1);
    if (!this.pending) this.#onChange(false);
  }

  /** In the order in which they were established. */
  get conditions(): readonly Sense[] {
    return [...this.#pending];
  }

  /** The nexus was served elsewhere meanwhile: these are the conditions it hasn't been told of. */
  replace(conditions: readonly Sense[]): void {
    const before = this.pending;
    this.#pending.splice(0, this.#pending.length, ...conditions);
    if (this.pending !== before) this.#onChange(this.pending);
  }

  /** Takes the oldest condition, which its CHECK CONDITION then clears. */
  take(): Sense | undefined {
    const oldest = this.#pending.shift();
    if (oldest !== undefined && !this.pending) this.#onChange(false);
    return oldest;
  }
}

function isSame(a: Sense, b: Sense): boolean {
  return a.senseKey === b.senseKey && a.asc === b.asc && a.ascq === b.ascq;
}
