import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load } from '../support/loadgen.js';
import { loopDevice } from '../support/scratch-device.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const writes = ['--read', '0', '--warmup', '0', '--seconds', '0.5'];

/** Cache flushes the device has completed: Documentation/block/stat.rst, field 16. */
function flushes(device: string): number {
  const fields = readFileSync(`/sys/block/${basename(device)}/stat`, 'utf8')
    .trim()
    .split(/\s+/);
  return Number(fields[15]);
}

describe.each(['io_uring', 'libaio', 'sync'])('with %s', (engine) => {
  async function servedDevice() {
    const device = await loopDevice(scratchImage(64 * MiB), '--direct-io=on');
    const socketPath = scratchSocket();
    await ServeProcess.serving({
      args: ['--socket-path', socketPath, '--blk-file', device, '--io-engine', engine],
    });
    return { device, socketPath };
  }

  it('a driver without FLUSH gets each write flushed to the medium before it completes', async () => {
    const { device, socketPath } = await servedDevice();
    const before = flushes(device);
    // One write at a time, since the kernel merges the flushes of several.
    const result = await load(socketPath, ...writes, '--depth', '1', '--no-flush');
    expect(result.writes).toBeGreaterThan(0);
    expect(flushes(device) - before).toBeGreaterThanOrEqual(result.writes);
  });

  it('a driver with FLUSH decides itself when to flush', async () => {
    const { device, socketPath } = await servedDevice();
    const before = flushes(device);
    expect((await load(socketPath, ...writes, '--depth', '1')).writes).toBeGreaterThan(0);
    expect(flushes(device) - before).toBe(0);
  });
});

// io_uring's flags travel in shared memory, which strace doesn't see.
it.each([
  { engine: 'libaio', call: 'io_submit', write: /IOCB_CMD_PWRITEV?/g },
  { engine: 'sync', call: 'pwritev2', write: /^.*pwritev2\(/gm },
])('strace sees RWF_DSYNC on every write of $engine', async ({ engine, call, write }) => {
  const trace = join(scratchFolder(), 'trace');
  const socketPath = scratchSocket();
  const server = await ServeProcess.serving({
    args: ['--socket-path', socketPath, '--blk-file', scratchImage(64 * MiB)].concat([
      '--io-engine',
      engine,
    ]),
    // -D: the server stays our own child.
    wrapper: ['strace', '-D', '-f', '-o', trace, '-e', `trace=${call}`],
  });
  const result = await load(socketPath, ...writes, '--depth', '8', '--no-flush');
  server.signal('SIGTERM');
  expect(await server.exit()).toBe(0);

  const text = readFileSync(trace, 'utf8');
  const seen = text.match(write)?.length ?? 0;
  expect(seen).toBeGreaterThanOrEqual(result.writes);
  expect(text.match(/RWF_DSYNC/g)).toHaveLength(seen);
});
