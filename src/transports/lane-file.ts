import type { NativeLane } from '../native/addon.js';
import { TurnQueue } from '../pr/turn-queue.js';
import { errnoOf } from '../util/failure.js';
import { byDeadline } from '../util/deadline.js';
import type { Ioctl, Program, Returned, Run, Step } from './program.js';

const stuck: Run<never> = {
  kind: 'not-made',
  reason: 'an earlier call is still inside the kernel',
};
const closed: Run<never> = { kind: 'not-made', reason: 'the node is closed' };

/**
 * An open device node on a lane of its own. One program runs at a time, in order of arrival. Every
 * run ends by its deadline; a call that has not come back by then is left behind on the lane, and
 * until it comes back nothing else is begun.
 */
export class LaneFile {
  readonly fd: number;
  readonly #lane: NativeLane;
  readonly #turns = new TurnQueue();
  #isStuck = false;
  #isClosed = false;
  #onStuck: () => void = () => undefined;

  /** @param lane used by nobody else; it ends with this */
  constructor(lane: NativeLane, fd: number) {
    this.#lane = lane;
    this.fd = fd;
  }

  /**
   * Never rejects.
   * @param deadline on the clock of performance.now(), milliseconds
   */
  async run<Result>(program: Program<Result>, deadline: number): Promise<Run<Result>> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusal;
    const endTurn = await this.#turns.turn(deadline - performance.now());
    if (endTurn === undefined) {
      return { kind: 'not-made', reason: 'its turn had not come by the deadline' };
    }
    const refusalInTurn = this.#refusal();
    if (refusalInTurn !== undefined) {
      endTurn();
      return refusalInTurn;
    }
    const run = await this.#drive(program, program.next(), deadline);
    if (run.kind !== 'late') {
      endTurn();
      return run;
    }
    this.#isStuck = true;
    this.#onStuck();
    void run.returned.then(() => {
      this.#isStuck = false;
      endTurn();
    });
    return run;
  }

  /** Resolves when the node is closed, or at once if a call is stuck inside the kernel. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isStuck) await Promise.race([this.#turns.turn(), this.#stuckness()]);
    // The lane closes it when the call that is stuck has come back. What close(2) says is of no use.
    const closing = this.#lane.close(this.fd).catch(() => undefined);
    if (!this.#isStuck) await closing;
    this.#lane.end();
  }

  #refusal(): Run<never> | undefined {
    if (this.#isClosed) return closed;
    return this.#isStuck ? stuck : undefined;
  }

  #stuckness(): Promise<void> {
    return new Promise((resolve) => {
      this.#onStuck = resolve;
    });
  }

  async #drive<Result>(
    program: Program<Result>,
    first: IteratorResult<Step, Result>,
    deadline: number,
  ): Promise<Run<Result>> {
    let next = first;
    while (next.done !== true) {
      const step = next.value;
      if (!(await pause(step.afterMs ?? 0, deadline))) return beyondDeadline(step);
      const call = this.#call(step);
      const returned = await byDeadline(call, deadline);
      if (returned === undefined) {
        return { kind: 'late', returned: call.then((brought) => conclude(program, brought)) };
      }
      next = program.next(returned);
    }
    return { kind: 'done', result: next.value };
  }

  #call({ request, argument, pointers }: Ioctl): Promise<Returned> {
    return this.#lane.ioctl(this.fd, request, argument, pointers).then(
      (value): Returned => ({ kind: 'returned', value }),
      (error: unknown): Returned => ({ kind: 'failed', errno: errnoOf(error) ?? String(error) }),
    );
  }
}

/** What the call that came back late makes of the program: nothing more is sent on its behalf. */
function conclude<Result>(program: Program<Result>, brought: Returned): Run<Result> {
  const next = program.next(brought);
  return next.done === true ? { kind: 'done', result: next.value } : beyondDeadline(next.value);
}

function beyondDeadline(step: Step): Run<never> {
  return step.afterEffect === true
    ? { kind: 'unfinished', reason: 'no time was left to see whether it had its effect' }
    : { kind: 'not-made', reason: 'the deadline had passed' };
}

/** @returns whether that was before the deadline */
async function pause(milliseconds: number, deadline: number): Promise<boolean> {
  if (performance.now() + milliseconds >= deadline) return false;
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return performance.now() < deadline;
}
