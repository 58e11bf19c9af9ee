import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LaneFile } from '../../../src/transports/lane-file.js';
import type { Program, Step } from '../../../src/transports/program.js';
import { errno, FakeLane, hanging } from './support/fake-lane.js';

const timeoutMs = 1000;
const deadline = () => performance.now() + timeoutMs;

function step(request: number, more: Partial<Step> = {}): Step {
  return { request, argument: Buffer.alloc(8), pointers: [], ...more };
}

/** What each of its calls brought. */
function* calls(...steps: Step[]): Program<string> {
  const brought: string[] = [];
  for (const each of steps) {
    const returned = yield each;
    brought.push(returned.kind === 'returned' ? `${returned.value}` : returned.errno);
  }
  return brought.join(' ');
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('runs a program call by call, with what each brought', async () => {
  const lane = new FakeLane(({ request }) => {
    if (request === 2) throw errno('ENXIO');
    return request * 10;
  });
  const run = await new LaneFile(lane, 7).run(calls(step(1), step(2), step(3)), deadline());
  expect(run).toEqual({ kind: 'done', result: '10 ENXIO 30' });
  expect(lane.calls.map(({ fd }) => fd)).toEqual([7, 7, 7]);
});

it('one program after the other, in order of arrival', async () => {
  const lane = new FakeLane(() => 0);
  const file = new LaneFile(lane, 7);
  await Promise.all([
    file.run(calls(step(1), step(2)), deadline()),
    file.run(calls(step(3)), deadline()),
  ]);
  expect(lane.calls.map(({ request }) => request)).toEqual([1, 2, 3]);
});

describe('a call that has not come back by the deadline', () => {
  it('is late, and what it brings is told when it comes', async () => {
    const { kernel, letGo } = hanging();
    const file = new LaneFile(new FakeLane(kernel), 7);
    const running = file.run(calls(step(1)), deadline());
    await vi.advanceTimersByTimeAsync(timeoutMs);
    const run = await running;
    if (run.kind !== 'late') throw new Error(run.kind);
    letGo(5);
    expect(await run.returned).toEqual({ kind: 'done', result: '5' });
  });

  it('keeps others from being begun until it is back', async () => {
    const { kernel, letGo } = hanging();
    const lane = new FakeLane(kernel);
    const file = new LaneFile(lane, 7);
    const first = file.run(calls(step(1)), deadline());
    const waiting = file.run(calls(step(2)), performance.now() + 2 * timeoutMs);
    await vi.advanceTimersByTimeAsync(timeoutMs);
    const run = await first;
    expect(await file.run(calls(step(3)), deadline())).toMatchObject({ kind: 'not-made' });
    await vi.advanceTimersByTimeAsync(timeoutMs);
    expect(await waiting).toMatchObject({ kind: 'not-made' });
    expect(lane.calls.length).toBe(1);

    if (run.kind !== 'late') throw new Error(run.kind);
    letGo(0);
    await run.returned;
    expect(await file.run(calls(step(4)), deadline())).toMatchObject({ kind: 'done' });
    expect(lane.calls.map(({ request }) => request)).toEqual([1, 4]);
  });

  it('is followed by no other of its program', async () => {
    const { kernel, letGo } = hanging();
    const lane = new FakeLane(kernel);
    const running = new LaneFile(lane, 7).run(calls(step(1), step(2)), deadline());
    await vi.advanceTimersByTimeAsync(timeoutMs);
    const run = await running;
    letGo(0);
    expect(run.kind === 'late' && (await run.returned)).toMatchObject({ kind: 'not-made' });
    expect(lane.calls.length).toBe(1);
  });

  it('leaves a program unfinished that has had its effect', async () => {
    const { kernel, letGo } = hanging();
    const program = calls(step(1), step(2, { afterEffect: true }));
    const running = new LaneFile(new FakeLane(kernel), 7).run(program, deadline());
    await vi.advanceTimersByTimeAsync(timeoutMs);
    const run = await running;
    letGo(0);
    expect(run.kind === 'late' && (await run.returned)).toMatchObject({ kind: 'unfinished' });
  });
});

it('makes no call after the deadline, nor waits for one beyond it', async () => {
  const lane = new FakeLane(() => 0);
  const file = new LaneFile(lane, 7);
  expect(await file.run(calls(step(1)), performance.now())).toMatchObject({ kind: 'not-made' });
  const later = step(2, { afterMs: timeoutMs });
  expect(await file.run(calls(step(1), later), deadline())).toMatchObject({ kind: 'not-made' });
  expect(lane.calls.map(({ request }) => request)).toEqual([1]);
});

it('waits between two calls as long as the program says', async () => {
  const at: number[] = [];
  const lane = new FakeLane(() => at.push(performance.now()));
  const running = new LaneFile(lane, 7).run(calls(step(1), step(2, { afterMs: 5 })), deadline());
  await vi.advanceTimersByTimeAsync(5);
  await running;
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBe(5);
});

describe('close', () => {
  it('waits for the run there is, and lets no other begin', async () => {
    const { kernel, letGo } = hanging();
    const lane = new FakeLane(kernel);
    const file = new LaneFile(lane, 7);
    const running = file.run(calls(step(1)), deadline());
    const waiting = file.run(calls(step(2)), deadline());
    await vi.advanceTimersByTimeAsync(1);
    const closing = file.close();
    await vi.advanceTimersByTimeAsync(1);
    expect(lane.closed).toEqual([]);
    letGo(0);
    await closing;
    expect([lane.closed, lane.isEnded]).toEqual([[7], true]);
    expect(await running).toMatchObject({ kind: 'done' });
    expect(await waiting).toMatchObject({ kind: 'not-made' });
  });

  it('does not wait for a call that is stuck, and leaves the closing to the lane', async () => {
    const { kernel } = hanging();
    const lane = new FakeLane(kernel);
    const file = new LaneFile(lane, 7);
    const running = file.run(calls(step(1)), deadline());
    await vi.advanceTimersByTimeAsync(timeoutMs);
    await running;
    await file.close();
    expect([lane.closed, lane.isEnded]).toEqual([[7], true]);
  });

  it('does not wait any more once a call is stuck', async () => {
    const { kernel } = hanging();
    const lane = new FakeLane(kernel);
    const file = new LaneFile(lane, 7);
    const running = file.run(calls(step(1)), deadline());
    await vi.advanceTimersByTimeAsync(1);
    const closing = file.close();
    await vi.advanceTimersByTimeAsync(timeoutMs);
    await closing;
    expect(await running).toMatchObject({ kind: 'late' });
    expect(lane.closed).toEqual([7]);
  });

  it('happens once', async () => {
    const lane = new FakeLane(() => 0);
    const file = new LaneFile(lane, 7);
    await Promise.all([file.close(), file.close()]);
    expect(lane.closed).toEqual([7]);
  });
});
