import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FencePosition } from '../../../src/emulated/access-fence.js';
import { type NexusFence, NexusFences } from '../../../src/emulated/nexus-fences.js';
import { Gate } from './support/gate.js';
import { a, b } from './support/reservations.js';

const closed: FencePosition = { reads: false, writes: false, attentionPending: false };

class ScriptedFence implements NexusFence {
  readonly positions: FencePosition[] = [];
  readonly inFlight = new Gate<undefined>();

  set(position: FencePosition): void {
    this.positions.push(position);
  }

  drained(): Promise<undefined> {
    return this.inFlight.passed;
  }
}

let fences: NexusFences;
let fenceOfA: ScriptedFence;
let fenceOfB: ScriptedFence;

beforeEach(() => {
  vi.useFakeTimers();
  fences = new NexusFences();
  fenceOfA = new ScriptedFence();
  fenceOfB = new ScriptedFence();
  fences.add(a.id, fenceOfA);
  fences.add(b.id, fenceOfB);
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('NexusFences', () => {
  it('sets the fence of that nexus only', () => {
    fences.set(a.id, closed);
    expect(fenceOfA.positions).toEqual([closed]);
    expect(fenceOfB.positions).toEqual([]);
  });

  it('never leaves a nexus unfenced silently', () => {
    fences.remove(a.id);
    expect(() => {
      fences.set(a.id, closed);
    }).toThrow(`${a.id} has no fence`);
  });

  it('has drained when that nexus has', async () => {
    const drained = fences.drained(a.id, 1000);
    await vi.advanceTimersByTimeAsync(999);
    fenceOfA.inFlight.open(undefined);
    expect(await drained).toBe(true);
  });

  it('has not drained when the time is over', async () => {
    const drained = fences.drained(a.id, 1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await drained).toBe(false);
  });

  it('has nothing to drain of a nexus that is gone', async () => {
    fences.remove(a.id);
    expect(await fences.drained(a.id, 1000)).toBe(true);
  });
});
