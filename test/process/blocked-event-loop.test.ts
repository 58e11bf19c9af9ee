import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { successful } from '../support/command.js';
import { load } from '../support/loadgen.js';
import { RawFrontEnd, Request } from '../support/raw-front-end.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const preload = fileURLToPath(new URL('../support/block-event-loop.mjs', import.meta.url));

it('handshakes and data I/O go on while JavaScript stands still for two seconds', async () => {
  const fifo = join(scratchFolder(), 'fifo');
  await successful('mkfifo', fifo);
  const socketPath = scratchSocket();
  const server = await ServeProcess.serving({
    args: ['--socket-path', socketPath, '--blk-file', scratchImage(64 * MiB)],
    wrapper: ['env', `HOLDFAST_TEST_FIFO=${fifo}`],
    nodeArgs: ['--import', preload],
  });
  server.signal('SIGUSR2');
  await server.logged('event loop blocked');
  const linesBefore = server.log.length;

  const handshake = await RawFrontEnd.connect(socketPath);
  expect(await handshake.ask(Request.getQueueNum)).toBe(256n);
  await handshake.drop();
  const options = ['--verify', '--read', '50', '--depth', '16', '--queues', '2', '--seconds', '2'];
  const { errors, checkedReads } = await load(socketPath, ...options);
  expect(errors).toBe(0);
  expect(checkedReads).toBeGreaterThan(0);
  // Nothing was logged, so all that was done without JavaScript.
  expect(server.log).toHaveLength(linesBefore);

  writeFileSync(fifo, '');
  await server.logged('event loop free');
  await server.logged('front end disconnected');
});
