import { mediumAccess } from '../../../../src/emulated/access.js';
import { initialState } from '../../../../src/emulated/reservation-state.js';
import { transition } from '../../../../src/emulated/transition.js';
import type { ReservationCommand } from '../../../../src/pr/command.js';
import { guestNexus, type Nexus } from '../../../../src/pr/nexus.js';
import type { FullStatusDescriptor, PrInData } from '../../../../src/pr/outcome.js';
import { formatKey } from '../../../../src/pr/reservation.js';
import { senseText, textOf } from './outcome-text.js';

export const a = nexusNamed('a');
export const b = nexusNamed('b');
export const c = nexusNamed('c');

export function nexusNamed(node: string): Nexus {
  return guestNexus(`iqn.2026-01.test.cluster:${node}`);
}

/** The node's name in `nexusNamed`. */
export function nodeOf(nexusId: string): string {
  return /:([^,]+),/.exec(nexusId)?.[1] ?? nexusId;
}

/** A logical unit's state that goes through the transition function, seen as a test wants it. */
export class Reservations {
  #state = initialState;
  #attentions: string[] = [];
  #aborted: string[] = [];

  /** Runs a command; `good`, `conflict` or the sense. */
  run(nexus: Nexus, command: ReservationCommand): string {
    const { state, outcome, attentions, aborted } = transition(this.#state, nexus, command);
    this.#state = state;
    this.#attentions = attentions.map(
      ({ nexusId, condition }) => `${nodeOf(nexusId)} ${senseText(condition)}`,
    );
    this.#aborted = aborted.map(nodeOf);
    return textOf(outcome);
  }

  /** What the last command established: `b 6/2a/05`, in order of nexus. */
  get attentions(): string[] {
    return this.#attentions.toSorted();
  }

  /** Whose commands the last command aborts. */
  get aborted(): string[] {
    return this.#aborted.toSorted();
  }

  /** `a 0x1`, in order of registration. */
  get keys(): string[] {
    return this.registrations.map(({ nexus, key }) => `${nodeOf(nexus.id)} ${formatKey(key)}`);
  }

  /** `TYPE KEY`, or `none`. */
  get reservation(): string {
    const data = this.#read('read-reservation');
    if (data.reservation === undefined) return 'none';
    return `${data.reservation.type} ${formatKey(data.reservation.key)}`;
  }

  get registrations(): FullStatusDescriptor[] {
    return this.#read('read-full-status').registrations;
  }

  get holders(): string[] {
    return this.registrations
      .filter(({ reservation }) => reservation !== undefined)
      .map(({ nexus }) => nodeOf(nexus.id));
  }

  get generation(): number {
    return this.#state.generation;
  }

  get aptpl(): boolean {
    return this.#state.aptpl;
  }

  get legacyHolder(): string | undefined {
    return this.#state.legacyHolder;
  }

  /** `rw`, `r`, or nothing. */
  access(nexus: Nexus): string {
    const { reads, writes } = mediumAccess(this.#state, nexus.id);
    return `${reads ? 'r' : ''}${writes ? 'w' : ''}`;
  }

  #read<Action extends PrInData['action']>(action: Action): PrInData & { action: Action } {
    const { outcome } = transition(this.#state, a, { action });
    if (outcome.status !== 'good' || outcome.data?.action !== action) {
      throw new Error(`${action} answered ${textOf(outcome)}`);
    }
    return outcome.data as PrInData & { action: Action };
  }
}
