// Runs in a lab machine: node fan-out-latency.mjs MAP ROUNDS. In each round REGISTER goes down each path
// by itself, down both at once, and as a command of a guest through the fan-out. Prints milliseconds, a
// JSON object of arrays: `path1`, `path2`, `both`, `step` (the fan-out's REGISTERs, from the first that
// is sent to the last that is answered), `whole` (with its looks at the array, and its journal).
import { mkdtempSync } from 'node:fs';

import { insist, openGate, openReservations, register, WatchedPaths } from './map-reservations.mjs';

const [, , map, rounds] = process.argv;
const keys = [0xa1n, 0xa2n];

const sent = [];
const { paths, execute } = await openReservations({
  map,
  journalFolder: mkdtempSync('/tmp/journal-'),
  gate: openGate(),
  wrapPaths: (source) =>
    new WatchedPaths(source, async (command, run) => {
      const start = performance.now();
      const outcome = await run();
      if (command.action === 'register') sent.push({ start, end: performance.now() });
      return outcome;
    }),
});
const transports = paths.paths().map(({ transport }) => transport);

async function timed(run) {
  const start = performance.now();
  const outcomes = [await run()].flat();
  const taken = performance.now() - start;
  if (outcomes.some(({ status }) => status !== 'good')) throw new Error(JSON.stringify(outcomes));
  return taken;
}

await timed(() => execute(register(0n, keys[0])));
const figures = { path1: [], path2: [], both: [], step: [], whole: [] };
for (let round = 0; round < Number(rounds); round++) {
  const [key, next] = round % 2 === 0 ? keys : keys.toReversed();
  const again = (transport) => insist(transport, register(key, key));
  figures.path1.push(await timed(() => again(transports[0])));
  figures.path2.push(await timed(() => again(transports[1])));
  figures.both.push(await timed(() => Promise.all(transports.map(again))));
  sent.length = 0;
  figures.whole.push(await timed(() => execute(register(key, next))));
  if (sent.length !== transports.length) throw new Error(`${sent.length} REGISTERs were sent`);
  const starts = sent.map(({ start }) => start);
  figures.step.push(Math.max(...sent.map(({ end }) => end)) - Math.min(...starts));
}
await timed(() => execute(register(keys[rounds % 2], 0n)));
console.log(JSON.stringify(figures));
process.exit(0);
