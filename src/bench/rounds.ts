/** Alternating rounds of one case: all back ends in random order, again and again. */
import { Failure } from '../util/failure.js';
import type { BenchCase } from './cases.js';
import type { BackEndFailure, CaseResult, Measurement } from './results.js';
import { shuffled } from './statistics.js';

/** Bounds of what else may happen on the machine while a round counts. */
export interface QuietLimits {
  foreignCores: number;
  steal: number;
}

export interface RoundsOptions<BackEnd> {
  rounds: number;
  limits: QuietLimits;
  measure: (backEnd: BackEnd) => Promise<Measurement>;
  random: () => number;
  /** After each measurement; `quiet` is false if its round is thrown out. */
  onMeasured: (backEnd: BackEnd, round: number, measurement: Measurement, quiet: boolean) => void;
}

interface Participant {
  label: string;
  isPeer: boolean;
}

/** A machine that isn't quiet enough is given up on after this many rounds for each one wanted. */
const attemptsPerRound = 3;

/**
 * Measures until `rounds` rounds were quiet, or the attempts are used up: then fewer are returned,
 * perhaps none.
 */
export async function runRounds<BackEnd extends Participant>(
  benchCase: BenchCase,
  backEnds: readonly BackEnd[],
  options: RoundsOptions<BackEnd>,
): Promise<CaseResult> {
  const results = new Map(backEnds.map((backEnd) => [backEnd, [] as Measurement[]]));
  const failures: BackEndFailure[] = [];
  const onFailed = (backEnd: BackEnd, reason: string) => {
    results.delete(backEnd);
    failures.push({ backEnd: backEnd.label, reason });
  };
  let counted = 0;
  let thrownOut = 0;
  while (counted < options.rounds && counted + thrownOut < options.rounds * attemptsPerRound) {
    const round = await runRound([...results.keys()], counted + 1, options, onFailed);
    if (round === undefined) {
      thrownOut += 1;
      continue;
    }
    counted += 1;
    for (const [backEnd, measurement] of round) results.get(backEnd)?.push(measurement);
  }
  return {
    name: benchCase.name,
    title: benchCase.title,
    kind: benchCase.kind,
    thrownOut,
    backEnds: [...results].map(([{ label, isPeer }, rounds]) => ({
      backEnd: label,
      isPeer,
      rounds,
    })),
    failures,
  };
}

/** One measurement of each back end that does not fail; undefined as soon as one of them was disturbed. */
async function runRound<BackEnd extends Participant>(
  backEnds: readonly BackEnd[],
  round: number,
  options: RoundsOptions<BackEnd>,
  onFailed: (backEnd: BackEnd, reason: string) => void,
): Promise<Map<BackEnd, Measurement> | undefined> {
  const measurements = new Map<BackEnd, Measurement>();
  for (const backEnd of shuffled(backEnds, options.random)) {
    const measurement = await options.measure(backEnd).catch((error: unknown) => {
      if (!backEnd.isPeer || !(error instanceof Failure)) throw error;
      onFailed(backEnd, error.message);
      return undefined;
    });
    if (measurement === undefined) continue;
    const quiet = isQuiet(measurement, options.limits);
    options.onMeasured(backEnd, round, measurement, quiet);
    if (!quiet) return undefined;
    measurements.set(backEnd, measurement);
  }
  return measurements;
}

function isQuiet({ foreignCores, steal }: Measurement, limits: QuietLimits): boolean {
  return foreignCores <= limits.foreignCores && steal <= limits.steal;
}
