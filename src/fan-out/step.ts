/** What a plan is made of: commands to paths, and what became of them. */
import type { PrOutCommand } from '../pr/command.js';
import { busy, type PrOutcome } from '../pr/outcome.js';
import type { ReservationKey } from '../pr/reservation.js';
import type { Sense } from '../pr/sense.js';
import type { ArrayView } from './array-view.js';
import type { PathId } from './own-nexuses.js';

export interface Send {
  readonly pathId: PathId;
  readonly command: PrOutCommand;
}

/**
 * How the guest's data must stand while a step runs: 'any'; 'drained': nothing of it inside the
 * kernel, and nothing new; 'paused': the same if the gate holds all of it; 'new-epoch': the same
 * again, and what passed before is never sent again.
 */
export type DataState = 'any' | 'drained' | 'paused' | 'new-epoch';

/** What is to be done next, as judged from one view of the array. */
export type Move =
  | {
      readonly kind: 'send';
      readonly sends: readonly Send[];
      readonly data: DataState;
      /** The answer if the data can't be brought to that state in time. */
      readonly orElse: PrOutcome;
    }
  | { readonly kind: 'answer'; readonly outcome: PrOutcome };

export type StepResult =
  | { readonly kind: 'good' }
  | { readonly kind: 'conflict' }
  /** Not executed, with the device's reason. */
  | { readonly kind: 'refused'; readonly sense: Sense }
  /** A unit attention stood before the command: not executed. */
  | { readonly kind: 'attention' }
  /** Not executed, and this path is no use now. */
  | { readonly kind: 'unavailable' }
  /** Over, executed or not. */
  | { readonly kind: 'unknown' }
  /** It may yet be executed. */
  | { readonly kind: 'unsettled' };

export interface Attempt extends Send {
  readonly result: StepResult;
}

/** How far a command has come. */
export interface Progress {
  /** The guest's key when the command came; 0n: not registered. */
  readonly key: ReservationKey;
  /** APTPL of the guest's last registration. */
  readonly aptpl: boolean;
  /** The view the command found. */
  readonly before: ArrayView;
  readonly attempts: readonly Attempt[];
}

export function send(
  sends: readonly Send[],
  data: DataState = 'any',
  orElse: PrOutcome = busy,
): Move {
  return { kind: 'send', sends, data, orElse };
}

export function answer(outcome: PrOutcome): Move {
  return { kind: 'answer', outcome };
}
