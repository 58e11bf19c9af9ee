import { type Clock, systemClock } from './clock.js';

/** Gives up the turn; the next in line has it then. */
export type EndTurn = () => void;

/** One at a time, in order of arrival. */
export class TurnQueue {
  readonly #clock: Clock;
  readonly #waiting: ((endTurn: EndTurn) => void)[] = [];
  #taken = false;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** How many wait for their turn. */
  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for one's turn.
   * @param timeoutMs how long, milliseconds; undefined waits for ever
   * @returns undefined if it had not come by then, and then it never comes
   */
  turn(timeoutMs?: number): Promise<EndTurn | undefined> {
    return new Promise((resolve) => {
      const cancel =
        timeoutMs === undefined
          ? undefined
          : this.#clock.after(timeoutMs, () => {
              this.#waiting.splice(this.#waiting.indexOf(begin), 1);
              resolve(undefined);
            });
      const begin = (endTurn: EndTurn) => {
        cancel?.();
        resolve(endTurn);
      };
      this.#waiting.push(begin);
      this.#next();
    });
  }

  #next(): void {
    if (this.#taken) return;
    const begin = this.#waiting.shift();
    if (begin === undefined) return;
    this.#taken = true;
    begin(() => {
      this.#taken = false;
      this.#next();
    });
  }
}
