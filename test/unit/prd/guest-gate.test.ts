import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DataGate } from '../../../src/pr/data-gate.js';
import { GuestGate } from '../../../src/prd/guest-gate.js';

let calls: string[];
let drains: boolean[];
let gate: GuestGate;

beforeEach(() => {
  vi.useFakeTimers();
  calls = [];
  drains = [];
  const data: DataGate = {
    holdsAll: true,
    close: () => calls.push('close'),
    open: () => calls.push('open'),
    beginEpoch: () => calls.push('epoch'),
    drained: () => Promise.resolve(drains.shift() ?? true),
    set conflicts(way: 'judge' | 'answer') {
      calls.push(way);
    },
    onConflict: () => undefined,
  };
  gate = new GuestGate(data, {
    onStopped: (id) => calls.push(`stopped ${id}`),
    onLeaseEnd: () => calls.push('lease ended'),
  });
});

afterEach(() => {
  gate.lose();
  vi.useRealTimers();
});

async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

describe('GuestGate', () => {
  it('is closed from the beginning', () => {
    expect(calls).toEqual(['close']);
  });

  it('says so when the data stands still, and opens when told', async () => {
    gate.quiesce(1, 6000);
    await settled();
    gate.resume(1, 'a');
    expect(calls).toEqual(['close', 'close', 'stopped 1', 'epoch', 'open']);
  });

  it('waits for the drain however long it takes', async () => {
    drains = [false, false, true];
    gate.quiesce(1, 6000);
    await settled();
    expect(calls.filter((call) => call === 'stopped 1')).toHaveLength(1);
    expect(drains).toEqual([]);
  });

  it('says nothing of a drain that nobody waits for any more', async () => {
    gate.quiesce(1, 6000);
    gate.resume(1, 'a');
    await settled();
    expect(calls).not.toContain('stopped 1');
  });

  it('stays in its epoch unless told of another', async () => {
    for (const [id, epoch] of [
      [1, 'a'],
      [2, 'a'],
      [3, 'b'],
    ] as const) {
      gate.quiesce(id, 6000);
      await settled();
      gate.resume(id, epoch);
    }
    expect(calls.filter((call) => call === 'epoch')).toHaveLength(2);
  });

  it('does not open for what answers an older question', async () => {
    gate.quiesce(1, 6000);
    gate.quiesce(2, 6000);
    await settled();
    gate.resume(1, 'a');
    expect(calls).not.toContain('open');
  });

  it('stays closed when the daemon is lost, and after whatever came late', async () => {
    gate.quiesce(1, 6000);
    gate.resume(1, 'a');
    gate.lose();
    gate.resume(1, 'a');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls.slice(calls.lastIndexOf('open'))).toEqual(['open', 'close']);
  });

  it('notices a daemon that is silent while data waits, not one that renews', async () => {
    gate.quiesce(1, 6000);
    await vi.advanceTimersByTimeAsync(5000);
    gate.quiesce(1, 6000);
    await vi.advanceTimersByTimeAsync(5000);
    expect(calls).not.toContain('lease ended');
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls.at(-1)).toBe('lease ended');
  });
});
