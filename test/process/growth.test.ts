import { expect, it } from 'vitest';
import { load } from '../support/loadgen.js';
import { processFigures, type ProcessFigures } from '../support/process-figures.js';
import { RawFrontEnd, Request } from '../support/raw-front-end.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const rounds = 1000;
const roundsWithRings = 50;
/** What the allocators may keep, KiB; a leak of 4 KiB a connection would be 4000. */
const growthMaxKib = 2048;

/** A connection in the middle of its handshake, dropped without a word. */
async function connectAndDrop(socketPath: string): Promise<void> {
  const frontEnd = await RawFrontEnd.connect(socketPath);
  frontEnd.send(Request.setOwner);
  await frontEnd.ask(Request.getFeatures);
  await frontEnd.drop();
}

/** A connection that shares memory, starts rings and does I/O. */
async function connectAndLoad(socketPath: string): Promise<void> {
  await load(socketPath, '--queues', '2', '--depth', '8', '--warmup', '0', '--seconds', '0.02');
}

/** Figures while one front end is connected, so the one before has left altogether. */
async function figures(server: ServeProcess, socketPath: string): Promise<ProcessFigures> {
  const frontEnd = await RawFrontEnd.connect(socketPath);
  await frontEnd.ask(Request.getFeatures);
  const result = processFigures(server.pid);
  await frontEnd.drop();
  return result;
}

it.each([
  // V8's heap takes some thousand events to find its size; after that it stays.
  { what: 'connect and drop', warmUp: 4 * rounds, rounds, once: connectAndDrop },
  { what: 'start rings and do I/O', warmUp: 20, rounds: roundsWithRings, once: connectAndLoad },
])('$rounds front ends that $what leave nothing behind', async ({ warmUp, rounds, once }) => {
  const socketPath = scratchSocket();
  const args = ['--socket-path', socketPath, '--blk-file', scratchImage(64 * MiB)];
  const server = await ServeProcess.serving({ args });
  for (let round = 0; round < warmUp; round++) await once(socketPath);
  const before = await figures(server, socketPath);
  for (let round = 0; round < rounds; round++) await once(socketPath);
  const after = await figures(server, socketPath);

  console.log(`after ${warmUp} front ends:`, before, `after ${rounds} more:`, after);
  expect(after.fds).toBe(before.fds);
  expect(after.threads).toBe(before.threads);
  expect(after.anonymousKib - before.anonymousKib).toBeLessThan(growthMaxKib);
});
