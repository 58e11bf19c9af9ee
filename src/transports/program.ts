/**
 * A command as the ioctls it takes: a generator that yields one call after the other and is given
 * what each brought. So what a transport does is a pure function of what the device says; the lane
 * and the clock are somebody else's (`LaneFile`).
 */
export type Program<Result> = Generator<Step, Result, Returned>;

export interface Step extends Ioctl {
  /** Wait so long before, milliseconds. */
  readonly afterMs?: number;
  /**
   * An earlier step has done what the command asks for: without this one it is not known to be
   * right, but it isn't unsent any more.
   */
  readonly afterEffect?: boolean;
}

export interface Ioctl {
  readonly request: number;
  readonly argument: Buffer;
  readonly pointers: { offset: number; buffer: Uint8Array }[];
}

/** How a call came back from the kernel. */
export type Returned =
  | { readonly kind: 'returned'; readonly value: number }
  /** `errno`: its name. */
  | { readonly kind: 'failed'; readonly errno: string };

/** How far a program came by its deadline. */
export type Run<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  /** The rest of it was never begun, and what was begun had no effect. */
  | { readonly kind: 'not-made'; readonly reason: string }
  /** A step that was never begun follows one that had an effect. */
  | { readonly kind: 'unfinished'; readonly reason: string }
  /** A call is still inside the kernel. `returned` resolves when it isn't any more. */
  | { readonly kind: 'late'; readonly returned: Promise<Run<Result>> };
