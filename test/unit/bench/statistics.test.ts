import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, shuffled, spread } from '../../../src/bench/statistics.js';

describe('median', () => {
  it('is the middle value, or the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([10, 1, 2, 3])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it('sorts by number, not by text', () => {
    expect(median([9, 10, 100])).toBe(10);
  });

  it('of nothing is an error', () => {
    expect(() => median([])).toThrow(RangeError);
  });

  it('has as many values above it as below', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const above = values.filter((value) => value > middle).length;
        const below = values.filter((value) => value < middle).length;
        expect(Math.max(above, below)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

describe('spread', () => {
  it('is the median with its bounds', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  });
});

describe('shuffled', () => {
  it('has the same values in an order that the random numbers decide', () => {
    expect(shuffled(['a', 'b', 'c'], () => 0)).toEqual(['a', 'b', 'c']);
    expect(shuffled(['a', 'b', 'c'], () => 0.999)).toEqual(['c', 'b', 'a']);
  });

  it('puts every value at every place', () => {
    const firsts = new Set(Array.from({ length: 200 }, () => shuffled([1, 2, 3], Math.random)[0]));
    expect(firsts).toEqual(new Set([1, 2, 3]));
  });
});
