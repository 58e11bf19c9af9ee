import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { successful } from '../support/command.js';
import { FrozenDisk } from '../support/frozen-disk.js';
import { interruptedLoad, load } from '../support/loadgen.js';
import { scratchFolder, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const waiting = 'waiting for ';
const stuckIo = 7;

/** Writes the disk's first block over and over, with the writer's number in it. */
function writer(number: number): string[] {
  return ['--verify', '--read', '0', '--range', '4K', '--seed', String(number)];
}

/** The number of the writer whose block is on the medium (holdfast-loadgen puts it at byte 16). */
async function lastWriter(device: string): Promise<number> {
  const copy = join(scratchFolder(), 'block');
  await successful('dd', `if=${device}`, `of=${copy}`, 'bs=4k', 'count=1', 'iflag=direct');
  return readFileSync(copy).readUInt32LE(16);
}

function serve(device: string, engine: string): { server: ServeProcess; socketPath: string } {
  const socketPath = scratchSocket();
  const args = ['--socket-path', socketPath, '--blk-file', device, '--io-engine', engine];
  return { server: new ServeProcess({ args }), socketPath };
}

/** Waits for the device, and says why. */
async function heldBack(server: ServeProcess, device: string): Promise<void> {
  expect((await server.logged('')).msg).toMatch(
    new RegExp(`^waiting for ${device}: I/O of .* has ended,? is still in the kernel`),
  );
  expect(server.log.map(({ msg }) => msg)).not.toContain('serving');
}

/** A server whose front end's first write waits in the kernel. */
async function serverWithStuckWrite(disk: FrozenDisk, engine: string): Promise<ServeProcess> {
  const { server, socketPath } = serve(disk.device, engine);
  await server.logged('serving');
  await disk.freeze();
  void interruptedLoad(socketPath, ...writer(1));
  await disk.writesInFlight(1);
  return server;
}

describe.each(['io_uring', 'libaio'])('a write of %s that is stuck in the kernel', (engine) => {
  it('holds a new server back after SIGKILL and never lands over a newer write', async () => {
    const disk = await FrozenDisk.make();
    const killed = await serverWithStuckWrite(disk, engine);
    killed.signal('SIGKILL');

    const { server, socketPath } = serve(disk.device, engine);
    await heldBack(server, disk.device);

    await disk.thaw();
    await server.logged('serving');
    expect(await lastWriter(disk.device)).toBe(1);

    await load(socketPath, ...writer(2), '--seconds', '0.3');
    await disk.writesInFlight(0);
    expect(await lastWriter(disk.device)).toBe(2);
  });

  it('ends the server with 7 on SIGTERM, which names the device', async () => {
    const disk = await FrozenDisk.make();
    const server = await serverWithStuckWrite(disk, engine);
    server.signal('SIGTERM');
    expect(await server.logged('stuck in the kernel')).toMatchObject({
      image: disk.device,
      inFlight: 1,
    });
    // The kernel lets a process with libaio go only when its I/O has ended.
    if (engine === 'libaio') await disk.thaw();
    expect(await server.exit()).toBe(stuckIo);
  });
});

describe.each(['io_uring', 'libaio'])('reads of %s that are stuck in the kernel', (engine) => {
  it('hold a new server back after SIGKILL, which would give their pages back', async () => {
    const disk = await FrozenDisk.make();
    const killed = serve(disk.device, engine);
    await killed.server.logged('serving');
    await disk.freezeReads();
    void interruptedLoad(killed.socketPath, '--depth', '4', '--range', '16M');
    await disk.inFlightUntil(({ reads }) => reads === 4);
    killed.server.signal('SIGKILL');

    const { server } = serve(disk.device, engine);
    await heldBack(server, disk.device);
    expect(disk.inFlightNow().reads).toBe(4);
    await disk.thaw();
    await server.logged('serving');
    expect(disk.inFlightNow().reads).toBe(0);
  });
});

it('SIGTERM ends a server that waits for the lock with 0', async () => {
  const disk = await FrozenDisk.make();
  const killed = await serverWithStuckWrite(disk, 'io_uring');
  killed.signal('SIGKILL');
  const { server } = serve(disk.device, 'io_uring');
  await server.logged(waiting);
  server.signal('SIGTERM');
  expect(await server.exit()).toBe(0);
});
