/** Time as the fan-out and its queues see it, so that a test can own it. */
export interface Clock {
  /** Milliseconds since some fixed moment. */
  now(): number;
  /**
   * Calls back once.
   * @param milliseconds from now
   * @returns cancels it
   */
  after(milliseconds: number, callback: () => void): () => void;
}

/** The clock of performance.now(), which no change of the date moves. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => {
      clearTimeout(timer);
    };
  },
};
