/** One thing that was looked at. */
export interface Finding {
  /**
   * 'good': as it should be. 'better': works, but could do better. 'bad': reservations don't work, or
   * guests are not safe, until it is mended.
   */
  readonly verdict: 'good' | 'better' | 'bad';
  /** What it is about: `path sdc`, `multipathd`. */
  readonly topic: string;
  /** What was found, in a sentence. */
  readonly what: string;
  /** What follows from it; not where all is well. */
  readonly why?: string;
  /** What to do about it. */
  readonly advice?: string;
}
