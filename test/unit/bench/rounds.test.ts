import { describe, expect, it } from 'vitest';
import { casesByName } from '../../../src/bench/cases.js';
import { runRounds } from '../../../src/bench/rounds.js';
import type { Measurement } from '../../../src/bench/results.js';
import { ExitCode, Failure } from '../../../src/util/failure.js';
import { measurement, type Figures } from './measurements.js';

const [benchCase] = casesByName('randread-qd1');
const backEnds = ['a', 'b', 'c'].map((label) => ({ label, isPeer: label !== 'a' }));
const limits = { foreignCores: 0.05, steal: 0.02 };

/** Runs three rounds; `disturb` says what happens in the nth measurement, counted from 1. */
async function threeRounds(disturb: (number: number) => Partial<Figures>) {
  if (benchCase === undefined) throw new Error('no such case');
  const measured: string[] = [];
  const loud: string[] = [];
  const result = await runRounds(benchCase, backEnds, {
    rounds: 3,
    limits,
    random: () => 0,
    measure: async ({ label }): Promise<Measurement> => {
      measured.push(label);
      await Promise.resolve();
      return measurement({ iops: measured.length, ...disturb(measured.length) });
    },
    onMeasured: ({ label }, round, _, quiet) => {
      if (!quiet) loud.push(`${label}${round}`);
    },
  });
  return { result, measured: measured.join(''), loud };
}

describe('runRounds', () => {
  it('measures every back end once a round', async () => {
    const { result, measured, loud } = await threeRounds(() => ({}));
    expect(measured).toBe('abcabcabc');
    expect(loud).toEqual([]);
    expect(result).toMatchObject({ name: 'randread-qd1', kind: 'throughput', thrownOut: 0 });
    expect(result.backEnds.map(({ rounds }) => rounds.map(({ load }) => load.iops))).toEqual([
      [1, 4, 7],
      [2, 5, 8],
      [3, 6, 9],
    ]);
  });

  it.each([
    ['other processes', { foreignCores: 0.06 }],
    ['the hypervisor', { steal: 0.03 }],
  ])('repeats a whole round that %s disturbed, from its start', async (_, disturbance) => {
    const { result, measured, loud } = await threeRounds((n) => (n === 5 ? disturbance : {}));
    expect(measured).toBe('abcababcabc');
    expect(loud).toEqual(['b2']);
    expect(result.thrownOut).toBe(1);
    // Nothing of the round that was thrown out (measurements 4 and 5) is left.
    expect(result.backEnds[0]?.rounds.map(({ load }) => load.iops)).toEqual([1, 6, 9]);
  });

  it('counts a load at the limit', async () => {
    const { result } = await threeRounds(() => limits);
    expect(result.thrownOut).toBe(0);
  });

  it('gives up on a machine that is never quiet, and returns what it has', async () => {
    const { result } = await threeRounds((n) => (n > 3 ? { foreignCores: 1 } : {}));
    expect(result.thrownOut).toBe(8);
    expect(result.backEnds.map(({ rounds }) => rounds.length)).toEqual([1, 1, 1]);
  });

  it('goes on without a peer that fails', async () => {
    const { result, measured } = await threeRounds((n) => {
      if (n === 5) throw new Failure(ExitCode.internal, 'gone');
      return {};
    });
    expect(measured).toBe('abcabcac');
    expect(result.backEnds.map(({ backEnd }) => backEnd)).toEqual(['a', 'c']);
    expect(result.failures).toEqual([{ backEnd: 'b', reason: 'gone' }]);
  });

  it.each([
    ['failure of our own', 4, new Failure(ExitCode.internal, 'no server')],
    ['bug', 2, new Error('no server')],
  ])('ends with a %s', async (_, number, error) => {
    await expect(
      threeRounds((n) => {
        if (n === number) throw error;
        return {};
      }),
    ).rejects.toThrow('no server');
  });
});
