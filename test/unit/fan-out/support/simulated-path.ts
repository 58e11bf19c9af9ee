import type { PrCommand } from '../../../../src/pr/command.js';
import type { Nexus } from '../../../../src/pr/nexus.js';
import type { PrOutcome } from '../../../../src/pr/outcome.js';
import type { Path, PathState } from '../../../../src/pr/path.js';
import type { TransportId } from '../../../../src/pr/transport-id.js';
import {
  noLimits,
  type PathIdentity,
  type PathOutcome,
  type PathTransport,
} from '../../../../src/pr/transport.js';
import { nodeOf } from '../../emulated/support/reservations.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedArray } from './simulated-array.js';
import type { SimulatedClock } from './simulated-clock.js';

/**
 * `works`; `down`: refuses at once, nothing is sent; `hangs`: takes a command, and it is executed
 * when the path heals; `deaf`: executes at once, and the answer is lost until the path heals; `mute`:
 * loses commands, and nobody knows.
 */
export type Condition = 'works' | 'down' | 'hangs' | 'deaf' | 'mute';

/** One path to a simulated array, and everything that can go wrong with it. */
export class SimulatedPath implements Path, PathTransport {
  readonly id: string;
  readonly name: string;
  readonly group = 0;
  readonly nexus: Nexus;
  limits = noLimits;
  identity: PathIdentity = 'same';
  /** What the host believes. */
  state: PathState = 'up';
  /** What the host knows of its port. */
  initiator: TransportId | undefined;
  lateExecutionMs: number | undefined;
  /** Called before a PERSISTENT RESERVE OUT is delivered; may change `condition`. */
  beforeOut: () => void = () => undefined;
  /** Called when one has been executed, before its answer is delivered. */
  afterOut: () => void = () => undefined;
  #condition: Condition = 'works';
  #inside = false;
  readonly #onHeal: (() => void)[] = [];
  readonly #array: SimulatedArray;
  readonly #scheduler: Scheduler;
  readonly #clock: SimulatedClock;

  constructor(nexus: Nexus, array: SimulatedArray, scheduler: Scheduler, clock: SimulatedClock) {
    this.nexus = nexus;
    this.id = nodeOf(nexus.id);
    this.name = `sd-${this.id}`;
    this.#array = array;
    this.#scheduler = scheduler;
    this.#clock = clock;
  }

  get transport(): PathTransport {
    return this;
  }

  get condition(): Condition {
    return this.#condition;
  }

  set condition(condition: Condition) {
    this.#condition = condition;
    if (condition === 'works') for (const heal of this.#onHeal.splice(0)) heal();
  }

  /** The process that was inside is gone; the kernel has its command still. */
  abandon(): void {
    this.#inside = false;
  }

  execute(command: PrCommand, deadline: number): Promise<PathOutcome> {
    const isOut = !command.action.startsWith('read-') && command.action !== 'report-capabilities';
    return this.#carry(
      `${this.id} ${command.action}`,
      () => this.#array.execute(this.nexus, command),
      deadline,
      isOut,
    );
  }

  probe(deadline: number): Promise<PathOutcome> {
    return this.#carry(`${this.id} probe`, () => this.#array.probe(this.nexus), deadline, false);
  }

  identify(): Promise<PathIdentity> {
    return Promise.resolve(this.#condition === 'works' ? this.identity : 'unknown');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #carry(
    name: string,
    run: () => PrOutcome,
    deadline: number,
    isOut: boolean,
  ): Promise<PathOutcome> {
    if (this.#inside) return Promise.resolve({ kind: 'not-sent', reason: 'one is inside' });
    return new Promise((resolve) => {
      const submit = () => {
        if (isOut) this.beforeOut();
        switch (this.#condition) {
          case 'works': {
            const outcome = run();
            if (isOut) this.afterOut();
            if (this.#isDeaf()) {
              this.#lose(() => outcome, deadline, resolve);
            } else {
              resolve({ kind: 'answered', outcome });
            }
            return;
          }
          case 'down':
            resolve({ kind: 'not-sent', reason: 'transport-offline' });
            return;
          case 'hangs':
            this.#lose(run, deadline, resolve);
            return;
          case 'deaf': {
            const outcome = run();
            this.#lose(() => outcome, deadline, resolve);
            return;
          }
          case 'mute':
            this.#lose(undefined, deadline, resolve);
        }
      };
      this.#scheduler.add(name, submit, this.id);
    });
  }

  /** `afterOut` may have changed it. */
  #isDeaf(): boolean {
    return this.#condition !== 'works';
  }

  #lose(
    onHeal: (() => PrOutcome) | undefined,
    deadline: number,
    resolve: (outcome: PathOutcome) => void,
  ): void {
    this.#inside = true;
    const returned = new Promise<PathOutcome>((comeBack) => {
      this.#onHeal.push(() => {
        this.#inside = false;
        if (onHeal === undefined) {
          const gone = { kind: 'unsettled', reason: 'host status 3' } as const;
          comeBack({ ...gone, returned: Promise.resolve({ ...gone, returned: never }) });
        } else {
          comeBack({ kind: 'answered', outcome: onHeal() });
        }
      });
    });
    const unsettled = { kind: 'unsettled', reason: 'no answer', returned } as const;
    const cancel = this.#clock.after(deadline - this.#clock.now(), () => {
      resolve(unsettled);
    });
    void returned.then((outcome) => {
      cancel();
      resolve(outcome.kind === 'unsettled' ? { ...outcome, returned } : outcome);
    });
  }
}

const never = new Promise<PathOutcome>(() => undefined);
