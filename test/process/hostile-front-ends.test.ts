import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { successful } from '../support/command.js';
import { processFigures, type ProcessFigures } from '../support/process-figures.js';
import { RawFrontEnd, Request } from '../support/raw-front-end.js';
import { rounds } from '../support/rounds.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const minute = 60_000;
const MiB = 2 ** 20;
const hostile = fileURLToPath(new URL('../../build/release/holdfast-hostile', import.meta.url));
/** To each of two devices: V8's heap takes some thousand events to find its size. */
const warmUp = 2000;
const connections = rounds(10_000, 2000) / 2;
/** What the allocators may keep: less than a page a connection, which would be a leak. */
const growthMaxKib = 3.5 * 2 * connections;
/** V8 maps and unmaps its heap as it likes; one mapping in 20 connections would be 100. */
const mapsGrowthMax = 50;

/** Sockets of guests that share one disk. */
interface Sockets {
  blk: string;
  scsi: string;
  honestBlk: string;
  honestScsi: string;
}

async function serving(): Promise<{ server: ServeProcess; sockets: Sockets }> {
  const sockets = {
    blk: scratchSocket(),
    scsi: scratchSocket(),
    honestBlk: scratchSocket(),
    honestScsi: scratchSocket(),
  };
  const guests = [sockets.blk, sockets.honestBlk, sockets.scsi, sockets.honestScsi];
  const devices = ['blk', 'blk', 'scsi', 'scsi'];
  const args = [
    ...guests.flatMap((path) => ['--socket-path', path]),
    ...devices.flatMap((device) => ['--device', device]),
    ...['--blk-file', scratchImage(64 * MiB)],
  ];
  return { server: await ServeProcess.serving({ args }), sockets };
}

/** Fails at the first attack that isn't met as it has to be, or that an honest guest notices. */
async function attack(device: 'blk' | 'scsi', sockets: Sockets, times: number): Promise<void> {
  const { [device]: attacked, honestBlk, honestScsi } = sockets;
  const output = await successful(hostile, device, attacked, honestBlk, honestScsi, String(times));
  const result = JSON.parse(output) as { connections: number; verifiedWrites: number };
  console.log(device, result);
  expect(result).toMatchObject({ connections: times, verifiedWrites: 2 * times });
}

/** While a front end is connected to each socket, so those before have left altogether. */
async function figures(server: ServeProcess, sockets: Sockets): Promise<ProcessFigures> {
  const frontEnds = await Promise.all(
    Object.values(sockets).map((path: string) => RawFrontEnd.connect(path)),
  );
  for (const frontEnd of frontEnds) await frontEnd.ask(Request.getFeatures);
  const result = processFigures(server.pid);
  for (const frontEnd of frontEnds) await frontEnd.drop();
  return result;
}

it(
  `${2 * connections} hostile front ends: others are served during each, and nothing is left`,
  async () => {
    const { server, sockets } = await serving();
    for (const device of ['blk', 'scsi'] as const) await attack(device, sockets, warmUp);
    const before = await figures(server, sockets);
    for (const device of ['blk', 'scsi'] as const) await attack(device, sockets, connections);
    const after = await figures(server, sockets);

    console.log(`after ${2 * warmUp}:`, before, `after ${2 * connections} more:`, after);
    expect(after.fds).toBe(before.fds);
    expect(after.threads).toBe(before.threads);
    expect(after.sharedMaps).toBe(before.sharedMaps);
    expect(after.maps - before.maps).toBeLessThan(mapsGrowthMax);
    expect(after.anonymousKib - before.anonymousKib).toBeLessThan(growthMaxKib);
    server.signal('SIGTERM');
    expect(await server.exit()).toBe(0);
  },
  10 * minute,
);
