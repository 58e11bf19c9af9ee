import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ReservationCommand } from '../../../src/pr/command.js';
import { Coordinator, type ReservationExecutor } from '../../../src/pr/coordinator.js';
import { guestNexus } from '../../../src/pr/nexus.js';
import {
  busy,
  checkCondition,
  good,
  type PrOutcome,
  reservationConflict,
  taskSetFull,
} from '../../../src/pr/outcome.js';
import { internalTargetFailure, logicalUnitTimeOut } from '../../../src/pr/sense.js';

const nexus = guestNexus('iqn.2026-01.org.example:node-1');
const timeoutMs = 1000;
const depth = 3;

/** Shows what it runs, and ends each command when told to. */
class ScriptedExecutor implements ReservationExecutor {
  readonly started: string[] = [];
  readonly deadlines: number[] = [];
  #end: ((outcome: PrOutcome) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  execute(_: unknown, { action }: ReservationCommand, deadline: number): Promise<PrOutcome> {
    this.started.push(action);
    this.deadlines.push(deadline);
    return new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
  }

  async end(outcome: PrOutcome = good): Promise<void> {
    this.#end?.(outcome);
    await settle();
  }

  async fail(error: Error): Promise<void> {
    this.#fail?.(error);
    await settle();
  }
}

/** Lets every promise that can go on do so; no time passes. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

let executor: ScriptedExecutor;
let coordinator: Coordinator;
let faults: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  executor = new ScriptedExecutor();
  faults = [];
  coordinator = new Coordinator(executor, {
    timeoutMs,
    depth,
    onFault: (error) => faults.push(error),
  });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function send(action: 'read-keys' | 'read-reservation' | 'reserve-6' | 'release-6') {
  return coordinator.execute(nexus, { action });
}

describe('Coordinator', () => {
  it('runs one command at a time, in order of arrival', async () => {
    const answers = [send('reserve-6'), send('read-keys'), send('release-6')];
    await settle();
    expect(executor.started).toEqual(['reserve-6']);
    await executor.end(reservationConflict);
    expect(executor.started).toEqual(['reserve-6', 'read-keys']);
    await executor.end(good);
    expect(executor.started).toEqual(['reserve-6', 'read-keys', 'release-6']);
    await executor.end(busy);
    expect(await Promise.all(answers)).toEqual([reservationConflict, good, busy]);
  });

  it('runs on after it was idle', async () => {
    for (const action of ['read-keys', 'release-6'] as const) {
      const answer = send(action);
      await settle();
      await executor.end();
      expect(await answer).toBe(good);
    }
    expect(executor.started).toEqual(['read-keys', 'release-6']);
  });

  it('counts the time limit from arrival', async () => {
    const arrival = performance.now();
    const first = send('reserve-6');
    const second = send('read-keys');
    await vi.advanceTimersByTimeAsync(400);
    await executor.end();
    expect(executor.deadlines).toEqual([arrival + timeoutMs, arrival + timeoutMs]);
    await executor.end();
    await Promise.all([first, second]);
  });

  it('answers BUSY to a command whose turn has not come in time, and never runs it', async () => {
    const first = send('reserve-6');
    const second = send('read-keys');
    await vi.advanceTimersByTimeAsync(500);
    const third = send('release-6');
    await vi.advanceTimersByTimeAsync(500);
    expect(await second).toBe(busy);
    await executor.end();
    expect(await first).toEqual(checkCondition(logicalUnitTimeOut));
    expect(executor.started).toEqual(['reserve-6', 'release-6']);
    await executor.end();
    expect(await third).toBe(good);
  });

  it('reports a command that is not done in time, and lets nothing overtake it', async () => {
    const first = send('reserve-6');
    await vi.advanceTimersByTimeAsync(timeoutMs);
    expect(await first).toEqual(checkCondition(logicalUnitTimeOut));
    const second = send('read-keys');
    await settle();
    expect(executor.started).toEqual(['reserve-6']);
    await executor.end();
    expect(executor.started).toEqual(['reserve-6', 'read-keys']);
    await executor.end();
    expect(await second).toBe(good);
  });

  it('answers TASK SET FULL beyond its depth', async () => {
    const running = send('reserve-6');
    await settle();
    const waiting = Array.from({ length: depth }, () => send('read-keys'));
    await settle();
    expect(await send('release-6')).toBe(taskSetFull);
    for (let i = 0; i <= depth; i++) await executor.end();
    expect(await Promise.all([running, ...waiting])).toEqual(Array(depth + 1).fill(good));
    expect(executor.started).not.toContain('release-6');
  });

  it('survives an executor that throws', async () => {
    const first = send('reserve-6');
    const second = send('read-keys');
    await settle();
    const fault = new Error('broken');
    await executor.fail(fault);
    expect(await first).toEqual(checkCondition(internalTargetFailure));
    expect(faults).toEqual([fault]);
    await executor.end();
    expect(await second).toBe(good);
  });

  it('puts an action between commands and waits for its turn as long as it takes', async () => {
    const done = vi.fn();
    const first = send('reserve-6');
    const between = coordinator.between(done);
    await vi.advanceTimersByTimeAsync(10 * timeoutMs);
    expect(done).not.toHaveBeenCalled();
    await executor.end();
    await between;
    expect(done).toHaveBeenCalledOnce();
    await first;
    const second = send('read-keys');
    await settle();
    await executor.end();
    expect(await second).toBe(good);
  });

  it('goes on after an action that throws', async () => {
    const broken = new Error('broken');
    const action = () => {
      throw broken;
    };
    await expect(coordinator.between(action)).rejects.toBe(broken);
    const answer = send('read-keys');
    await settle();
    await executor.end();
    expect(await answer).toBe(good);
  });
});
