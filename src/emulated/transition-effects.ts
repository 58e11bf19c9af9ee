/** What one command changes: the answer of the transition function, and how it is put together. */
import type { NexusId } from '../pr/nexus.js';
import { good, type PrOutcome } from '../pr/outcome.js';
import type { Sense } from '../pr/sense.js';
import type { ReservationState } from './reservation-state.js';

/** A unit attention condition that a transition establishes. */
export interface Attention {
  readonly nexusId: NexusId;
  readonly condition: Sense;
}

export interface Transition {
  /** The same object as before if nothing changed. */
  readonly state: ReservationState;
  readonly outcome: PrOutcome;
  readonly attentions: readonly Attention[];
  /** Nexuses whose commands PREEMPT AND ABORT aborts. */
  readonly aborted: readonly NexusId[];
}

export function unchanged(state: ReservationState, outcome: PrOutcome): Transition {
  return { state, outcome, attentions: [], aborted: [] };
}

/** GOOD with a new state. */
export function changed(
  state: ReservationState,
  attentions: readonly Attention[] = [],
  aborted: readonly NexusId[] = [],
): Transition {
  return { state, outcome: good, attentions, aborted };
}

/** The condition for every registered nexus but one. */
export function attentionsForOthers(
  { registrations }: ReservationState,
  except: NexusId,
  condition: Sense,
): Attention[] {
  return [...registrations.keys()]
    .filter((nexusId) => nexusId !== except)
    .map((nexusId) => ({ nexusId, condition }));
}
