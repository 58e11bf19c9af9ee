/** What a command's attempts so far say. Pure. */
import type { PrOutCommand } from '../pr/command.js';
import { busy, checkCondition, reservationConflict } from '../pr/outcome.js';
import type { ReservationKey } from '../pr/reservation.js';
import { logicalUnitTimeOut, type Sense } from '../pr/sense.js';
import type { OwnPath } from './situation.js';
import { answer, type Attempt, type Move, type Progress, type StepResult } from './step.js';

/**
 * Times one command is tried on one path: it may have met a unit attention, or the array may have
 * changed between the look and the command.
 */
const triesMax = 3;

export function attemptsAt(
  { attempts }: Pick<Progress, 'attempts'>,
  pathId: string,
  action?: PrOutCommand['action'],
): Attempt[] {
  return attempts.filter(
    (attempt) =>
      attempt.pathId === pathId && (action === undefined || attempt.command.action === action),
  );
}

/** Whether the command may be sent down that path, or once more. */
export function mayTry(
  progress: Progress,
  pathId: string,
  action: PrOutCommand['action'],
): boolean {
  const tried = attemptsAt(progress, pathId, action);
  return tried.length < triesMax && !tried.some(({ result }) => result.kind === 'unavailable');
}

/** A path for a command that one path executes for all: not tried, or held up by an attention. */
export function nextPath(
  progress: Progress,
  paths: readonly OwnPath[],
  action: PrOutCommand['action'],
): OwnPath | undefined {
  return paths.find(
    ({ id }) =>
      mayTry(progress, id, action) &&
      attemptsAt(progress, id, action).every(({ result }) => result.kind === 'attention'),
  );
}

/** The key of the last REGISTER that a path answered with GOOD. */
export function givenKey(
  progress: Pick<Progress, 'attempts'>,
  pathId: string,
): ReservationKey | undefined {
  const taken = attemptsAt(progress, pathId, 'register').filter(
    ({ result }) => result.kind === 'good',
  );
  const command = taken.at(-1)?.command;
  return command?.action === 'register' ? command.serviceActionKey : undefined;
}

export function ended(
  { attempts }: Pick<Progress, 'attempts'>,
  kind: StepResult['kind'],
  action: PrOutCommand['action'],
): Attempt | undefined {
  return attempts.find(({ result, command }) => result.kind === kind && command.action === action);
}

/** What the device refused, and why. */
export function refusal({ attempts }: Progress): Sense | undefined {
  for (const { result } of attempts) if (result.kind === 'refused') return result.sense;
  return undefined;
}

/**
 * The answer when no path is left to try: the device's own words if it said anything, "may have
 * happened" if that is so or part of it has, else "not executed".
 */
export function exhausted(progress: Progress): Move {
  const sense = refusal(progress);
  if (sense !== undefined) return answer(checkCondition(sense));
  const kinds = new Set(progress.attempts.map(({ result }) => result.kind));
  if (kinds.has('unknown') || kinds.has('unsettled') || kinds.has('good')) {
    return answer(checkCondition(logicalUnitTimeOut));
  }
  return answer(kinds.has('conflict') ? reservationConflict : busy);
}
