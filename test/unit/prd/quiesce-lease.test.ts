import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { QuiesceLease } from '../../../src/prd/quiesce-lease.js';

let told: string[];
let lease: QuiesceLease;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  lease = new QuiesceLease(
    {
      quiesce: (id, leaseMs) => told.push(`quiesce ${id} ${leaseMs}`),
      resume: (id, epoch) => told.push(`resume ${id} ${epoch}`),
      conflicts: (way) => told.push(way),
    },
    6000,
  );
});

afterEach(() => {
  lease.lose();
  vi.useRealTimers();
});

describe('QuiesceLease', () => {
  it('is stopped when the client says so, and goes on when told', async () => {
    lease.stop();
    const stopped = lease.stopped(1000);
    lease.confirm(1);
    expect(await stopped).toBe(true);
    lease.resume('e');
    expect(told).toEqual(['quiesce 1 6000', 'resume 1 e']);
    expect(await lease.stopped(0)).toBe(false);
  });

  it('is not stopped by what answers an older question', async () => {
    lease.stop();
    lease.resume('e');
    lease.stop();
    lease.confirm(1);
    const stopped = lease.stopped(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await stopped).toBe(false);
    lease.confirm(2);
    expect(await lease.stopped(1000)).toBe(true);
  });

  it('is renewed within its time, until the client may go on', async () => {
    lease.stop();
    await vi.advanceTimersByTimeAsync(6000);
    expect(told.length).toBeGreaterThanOrEqual(3);
    expect(new Set(told)).toEqual(new Set(['quiesce 1 6000']));
    lease.resume('e');
    told = [];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toEqual([]);
  });

  it('stays stopped when a client is lost that had stopped, whatever it is told', async () => {
    lease.stop();
    lease.confirm(1);
    lease.lose();
    lease.resume('e');
    expect(await lease.stopped(1000)).toBe(true);
    expect(told).toEqual(['quiesce 1 6000']);
  });

  it.each(['running', 'stopping'])('is never stopped when a client is lost %s', async (state) => {
    if (state === 'stopping') lease.stop();
    lease.lose();
    lease.stop();
    lease.confirm(1);
    expect(await lease.stopped(1000)).toBe(false);
  });

  it('does not keep anybody waiting for a client that is lost', async () => {
    lease.stop();
    const stopped = lease.stopped(1_000_000);
    lease.lose();
    expect(await stopped).toBe(false);
  });
});
