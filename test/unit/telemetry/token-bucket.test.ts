import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TokenBucket } from '../../../src/telemetry/token-bucket.js';

it('lets a burst through, then as many as it earned', () => {
  let now = 0;
  const bucket = new TokenBucket(2, 3, () => now);
  expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([true, true, true, false]);
  now = 500;
  expect([1, 2].map(() => bucket.take())).toEqual([true, false]);
  now = 1_000_000;
  expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([true, true, true, false]);
});

it('never passes more than burst + rate x time, and never starves', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(400), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      (gaps, perSecond, burst) => {
        let now = 0;
        const bucket = new TokenBucket(perSecond, burst, () => now);
        let passed = 0;
        for (const gap of gaps) {
          now += gap;
          if (bucket.take()) passed++;
        }
        expect(passed).toBeLessThanOrEqual(burst + (now / 1000) * perSecond + 1e-6);
        now += 1000 / perSecond + 1;
        expect(bucket.take()).toBe(true);
      },
    ),
  );
});
