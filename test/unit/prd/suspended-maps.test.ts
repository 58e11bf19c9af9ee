/** The daemon's end of suspending maps, and the guard's, joined without a process between them. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { suspendArgument } from '../../../src/prd/device-mapper.js';
import { MapSuspender } from '../../../src/prd/map-suspender.js';
import { type MapAction, SuspendGuard } from '../../../src/prd/suspend-guard.js';
import { scratchFolder } from '../../support/scratch.js';

const map = '253:7';

let folder: string;
/** What the device mapper was asked for. */
let asked: string[];
let act: (map: string, action: MapAction) => Promise<void>;
let guard: SuspendGuard;
let killGuard: () => void;
let guards: number;
let troubles: string[];
let suspender: MapSuspender;

beforeEach(() => {
  folder = join(scratchFolder(), 'suspended');
  asked = [];
  act = () => Promise.resolve();
  guards = 0;
  troubles = [];
  vi.useFakeTimers();
  suspender = new MapSuspender({
    start: (onLine, onEnd) => {
      guards++;
      const own = startGuard(onLine);
      guard = own;
      killGuard = onEnd;
      return {
        send: (line) => {
          own.receive(line);
        },
        close: () => void own.end(),
      };
    },
    onTrouble: (trouble) => troubles.push(trouble),
  });
});

afterEach(() => {
  vi.useRealTimers();
});

function startGuard(answer: (line: string) => void): SuspendGuard {
  return new SuspendGuard({
    act: (which, action) => {
      asked.push(`${action} ${which}`);
      return act(which, action);
    },
    folder,
    answer,
  });
}

describe('a map', () => {
  it('is suspended, and resumed', async () => {
    const path = suspender.dataPath(map);
    path.stop();
    expect(await path.stopped(1000)).toBe(true);
    expect(readdirSync(folder)).toEqual([map]);
    path.resume('');
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual([`suspend ${map}`, `resume ${map}`]);
    expect(readdirSync(folder)).toEqual([]);
    expect(await path.stopped(0)).toBe(false);
  });

  it('is noted before it is suspended', async () => {
    act = () => {
      expect(readdirSync(folder)).toEqual([map]);
      return Promise.resolve();
    };
    const path = suspender.dataPath(map);
    path.stop();
    expect(await path.stopped(1000)).toBe(true);
    act = () => Promise.resolve();
    path.resume('');
  });

  it('that does not come to a stop in time is resumed all the same, in order', async () => {
    let stop: () => void = () => undefined;
    act = (_, action) =>
      action === 'resume'
        ? Promise.resolve()
        : new Promise((resolve) => {
            stop = resolve;
          });
    const path = suspender.dataPath(map);
    path.stop();
    const stopped = path.stopped(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await stopped).toBe(false);
    path.resume('');
    expect(asked).toEqual([`suspend ${map}`, `resume ${map}`]);
    stop();
  });

  it('is not taken for stopped by the answer to an older question', async () => {
    const answers: (() => void)[] = [];
    act = (_, action) =>
      action === 'resume'
        ? Promise.resolve()
        : new Promise((resolve) => {
            answers.push(resolve);
          });
    const path = suspender.dataPath(map);
    path.stop();
    path.resume('');
    path.stop();
    answers[0]?.();
    const stopped = path.stopped(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await stopped).toBe(false);
    answers[1]?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(await path.stopped(0)).toBe(true);
    path.resume('');
  });

  it('that cannot be suspended is no hindrance', async () => {
    act = (_, action) =>
      action === 'suspend' ? Promise.reject(new Error('ENXIO')) : Promise.resolve();
    const path = suspender.dataPath(map);
    path.stop();
    expect(await path.stopped(60_000)).toBe(false);
    expect(asked.at(-1)).toBe(`resume ${map}`);
    expect(troubles.join()).toContain('ENXIO');
  });

  it('is resumed after a time whatever the daemon does', async () => {
    const path = suspender.dataPath(map);
    path.stop();
    expect(await path.stopped(1000)).toBe(true);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(asked.at(-1)).toBe(`resume ${map}`);
    expect(await path.stopped(0)).toBe(false);
  });

  it('is resumed when the daemon is gone', async () => {
    const path = suspender.dataPath(map);
    path.stop();
    expect(await path.stopped(1000)).toBe(true);
    await guard.end();
    expect(asked.at(-1)).toBe(`resume ${map}`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is resumed by the next guard when the guard itself is gone', async () => {
    const path = suspender.dataPath(map);
    path.stop();
    expect(await path.stopped(1000)).toBe(true);
    asked = [];
    killGuard();
    await vi.advanceTimersByTimeAsync(0);
    expect(guards).toBe(2);
    expect(asked).toEqual([`resume ${map}`]);
    expect(await path.stopped(0)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is the same to all who ask for it', () => {
    expect(suspender.dataPath(map)).toBe(suspender.dataPath(map));
  });
});

it('a map is not taken for stopped because a guard is late', async () => {
  let answer: (line: string) => void = () => undefined;
  const late = new MapSuspender({
    start: (onLine) => {
      answer = onLine;
      return { send: () => undefined, close: () => undefined };
    },
    onTrouble: () => undefined,
  });
  const path = late.dataPath(map);
  path.stop();
  path.resume('');
  path.stop();
  const stopped = path.stopped(1000);
  answer(`suspended ${map} 1`);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await stopped).toBe(false);
  answer(`resumed ${map} 1`);
  answer(`suspended ${map} 2`);
  expect(await path.stopped(1000)).toBe(true);
});

it('a guard touches nothing but maps', async () => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'note'), '');
  asked = [];
  const careful = startGuard(() => undefined);
  careful.receive('suspend ../etc 1');
  careful.receive('remove 253:7 1');
  await careful.end();
  expect(asked).toEqual([]);
});

describe('suspendArgument', () => {
  // struct dm_ioctl of linux/dm-ioctl.h; 253:300 is fd:12c, huge_encode_dev gives 10fd2c.
  it('names the map by its number, and says what is to happen', () => {
    const suspend = suspendArgument('253:300', 'suspend');
    expect(suspend.length).toBe(312);
    expect(suspend.readUInt32LE(0)).toBe(4);
    expect(suspend.readUInt32LE(12)).toBe(312);
    expect(suspend.readBigUInt64LE(40)).toBe(0x10fd2cn);
    expect(suspend.readUInt32LE(28)).toBe(0x2 | 0x400 | 0x800);
    expect(suspendArgument('253:300', 'resume').readUInt32LE(28)).toBe(0);
    expect(suspend.subarray(48).every((byte) => byte === 0)).toBe(true);
  });
});
