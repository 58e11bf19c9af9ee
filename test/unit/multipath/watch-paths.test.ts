import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { DeviceEvents } from '../../../src/multipath/device-events.js';
import { watchPaths } from '../../../src/multipath/watch-paths.js';
import { Deferred } from '../../../src/util/deferred.js';
import { scratchFolder } from '../../support/scratch.js';

const never = { sysfsMs: 2 ** 30, multipathdMs: 2 ** 30 };

/** Paths that count how often they are looked at; a question ends when `answer` is called. */
class CountedPaths {
  looks = 0;
  questions = 0;
  #looked = new Deferred<undefined>();
  #answers: (() => void)[] = [];

  /** Resolves with the next look. */
  get looked(): Promise<undefined> {
    return this.#looked.promise;
  }

  refresh = () => {
    this.looks++;
    this.#looked.resolve(undefined);
    this.#looked = new Deferred();
  };

  refreshPlaces = () => {
    this.questions++;
    return new Promise<void>((resolve) => this.#answers.push(resolve));
  };

  async answer(): Promise<void> {
    for (const resolve of this.#answers.splice(0)) resolve();
    await new Promise(setImmediate);
  }
}

function watched(paths: CountedPaths, events: Pick<DeviceEvents, 'listen'>, intervals = never) {
  const end = watchPaths(paths, events, intervals);
  onTestFinished(end);
  return end;
}

it('looks at once, and whenever udev has handled an event', async () => {
  const folder = scratchFolder();
  const paths = new CountedPaths();
  const end = watched(paths, new DeviceEvents(folder));
  expect([paths.looks, paths.questions]).toEqual([1, 1]);
  const { looked } = paths;
  writeFileSync(join(folder, 'b8:16'), 'E:ID_SERIAL=1\n');
  await looked;
  expect(paths.looks).toBe(2);
  end();
});

it('looks from time to time where there is no udev', async () => {
  const paths = new CountedPaths();
  watched(paths, new DeviceEvents('/nonexistent'), { ...never, sysfsMs: 1 });
  await paths.looked;
  await paths.looked;
  expect(paths.looks).toBeGreaterThanOrEqual(3);
});

it('asks multipathd one question at a time, and once more if it was woken meanwhile', async () => {
  const paths = new CountedPaths();
  let wake: () => void = () => undefined;
  const listen = (listener: () => void) => {
    wake = listener;
    return () => undefined;
  };
  watched(paths, { listen });
  wake();
  wake();
  expect([paths.looks, paths.questions]).toEqual([3, 1]);
  await paths.answer();
  expect(paths.questions).toBe(2);
  await paths.answer();
  expect(paths.questions).toBe(2);
});

it('stops', async () => {
  const folder = scratchFolder();
  const paths = new CountedPaths();
  const events = new DeviceEvents(folder);
  watched(paths, events, { ...never, sysfsMs: 1 })();
  const other = new CountedPaths();
  watched(other, events);
  const { looked } = other;
  writeFileSync(join(folder, 'b8:16'), '');
  await looked;
  expect(paths.looks).toBe(1);
});
