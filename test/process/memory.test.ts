import { expect, it, onTestFinished } from 'vitest';
import { load } from '../support/loadgen.js';
import { ownMemory } from '../support/own-memory.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MB = 1e6;
const GiB = 2 ** 30;
const queues = 8;

it.each(['io_uring', 'libaio', 'sync'])(
  '100 GiB and 8 queues under load take at most 60 MB + 2 MB a queue with %s',
  async (engine) => {
    const socketPath = scratchSocket();
    const image = scratchImage(100 * GiB);
    const server = await ServeProcess.serving({
      args: ['--socket-path', socketPath, '--blk-file', image, '--io-engine', engine],
    });
    let most = 0;
    const sampling = setInterval(() => {
      most = Math.max(most, ownMemory(server.pid));
    }, 50);
    onTestFinished(() => {
      clearInterval(sampling);
    });
    // Reads alone: writes to holes would measure the host's file system for minutes.
    const options = ['--queues', String(queues), '--depth', '64', '--seconds', '2'];
    expect((await load(socketPath, ...options)).errors).toBe(0);
    console.log(`${engine}: ${(most / MB).toFixed(1)} MB`);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(60 * MB + queues * 2 * MB);
  },
);
