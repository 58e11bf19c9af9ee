import type { PrCommand } from './command.js';
import type { PrOutcome } from './outcome.js';

/** One way to one logical unit: a path of a multipath device, a helper's socket. */
export interface PathTransport {
  /** For messages and logs: `sdc (2:0:0:1)`. */
  readonly name: string;
  /**
   * Runs one command; the caller never has two in it at once. Never rejects.
   * @param deadline on the clock of performance.now(), milliseconds; the answer comes by then.
   */
  execute(command: PrCommand, deadline: number): Promise<PathOutcome>;
  /** Resolves when nothing of this path is used any more. */
  close(): Promise<void>;
}

export type PathOutcome =
  | { readonly kind: 'answered'; readonly outcome: PrOutcome }
  /** It did not leave this host and never will. */
  | { readonly kind: 'not-sent'; readonly reason: string }
  /** It may have been executed, or may yet be. */
  | { readonly kind: 'unsettled'; readonly reason: string };
