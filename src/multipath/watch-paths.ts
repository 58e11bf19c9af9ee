import type { DeviceEvents } from './device-events.js';
import type { HostPaths } from './host-paths.js';

export interface WatchIntervals {
  /** Between two looks at sysfs, milliseconds. */
  readonly sysfsMs: number;
  /** Between two questions to multipathd, milliseconds; its own checkers run every 5 to 20 s. */
  readonly multipathdMs: number;
}

const defaultIntervals: WatchIntervals = { sysfsMs: 1000, multipathdMs: 5000 };

/**
 * Keeps the paths up to date: looks at once, at each event of a device, and from time to time, since
 * most of a path's troubles cause no event. Does not keep the process from exiting.
 * @returns what ends it
 */
export function watchPaths(
  paths: Pick<HostPaths, 'refresh' | 'refreshPlaces'>,
  events: Pick<DeviceEvents, 'listen'>,
  intervals = defaultIntervals,
): () => void {
  const look = () => {
    paths.refresh();
  };
  const ask = oneAtATime(() => paths.refreshPlaces());
  const both = () => {
    look();
    ask();
  };
  both();
  const endEvents = events.listen(both);
  const timers = [
    setInterval(look, intervals.sysfsMs).unref(),
    setInterval(ask, intervals.multipathdMs).unref(),
  ];
  return () => {
    endEvents();
    for (const timer of timers) clearInterval(timer);
  };
}

/** A call while one runs makes it run once more afterwards, however many there were. */
function oneAtATime(run: () => Promise<void>): () => void {
  let isRunning = false;
  let isWanted = false;
  const repeat = async () => {
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      await run();
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void repeat();
  };
}
