import type { PrCommand } from './command.js';
import type { PrOutcome } from './outcome.js';

/**
 * One way to one logical unit: a path's node, a helper's socket. It carries commands, judges nothing
 * and repeats nothing but what the device says was not executed for want of readiness.
 */
export interface PathTransport {
  /** For messages and logs: `sdc (2:0:0:1) by sg`. */
  readonly name: string;
  /** What it can't carry; the fan-out refuses such commands before it sends anything. */
  readonly limits: TransportLimits;
  /**
   * Runs one command. Never rejects, and answers by the deadline whatever the path does. While an
   * earlier call is still inside the kernel the answer is 'not-sent'.
   * @param deadline on the clock of performance.now(), milliseconds
   */
  execute(command: PrCommand, deadline: number): Promise<PathOutcome>;
  /**
   * TEST UNIT READY, or what stands for it. Never rejects.
   * @param deadline as for `execute`
   */
  probe(deadline: number): Promise<PathOutcome>;
  /**
   * Whether the node still leads to the logical unit it was opened for: asks the device on the very
   * descriptor that carries the commands (VPD page 83h, NGUID). Never rejects.
   */
  identify(deadline: number): Promise<PathIdentity>;
  /** Resolves when nothing of this path is used any more, or at once if a call is stuck inside. */
  close(): Promise<void>;
}

/** What a transport reports of a command it was given. */
export type PathOutcome =
  | { readonly kind: 'answered'; readonly outcome: PrOutcome }
  /** It did not leave this host and never will. */
  | { readonly kind: 'not-sent'; readonly reason: string }
  /**
   * It may have been executed, or may yet be: no answer by the deadline, or an answer that says
   * nothing about execution (host status, transport error).
   */
  | {
      readonly kind: 'unsettled';
      readonly reason: string;
      /**
       * Resolves when the call has come back from the kernel, with what it brought. Only a command
       * that is sent after that and completes proves the first one over (fencing rule 10).
       */
      readonly returned: Promise<PathOutcome>;
    };

export type PathIdentity = 'same' | 'other' | 'unknown';

/** Of the commands that SPC-4 defines. */
export interface TransportLimits {
  /** READ FULL STATUS: without it no path can be proven this host's own. */
  readonly fullStatus: boolean;
  readonly reportCapabilities: boolean;
  /** REGISTER can say APTPL=0; else every registration has APTPL=1. */
  readonly aptplChoice: boolean;
  readonly registerAndMove: boolean;
  /** The sense data is the device's own. */
  readonly exactSense: boolean;
  /** READ KEYS and READ RESERVATION. */
  readonly reads: boolean;
  /**
   * One registration per host rather than per path (NVMe): registering one path registers all, and
   * preempting oneself drops nothing.
   */
  readonly hostWide: boolean;
}

/** Carries everything, a registration a path: SG_IO. */
export const noLimits: TransportLimits = {
  fullStatus: true,
  reportCapabilities: true,
  aptplChoice: true,
  registerAndMove: true,
  exactSense: true,
  reads: true,
  hostWide: false,
};
