import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { successful } from '../support/command.js';
import { Initiator, senseText } from '../support/initiator.js';
import { load } from '../support/loadgen.js';
import { read10 } from '../support/persistent-reservations.js';
import { RawFrontEnd, Request } from '../support/raw-front-end.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const preload = fileURLToPath(new URL('../support/block-event-loop.mjs', import.meta.url));

async function serving(...args: string[]) {
  const fifo = join(scratchFolder(), 'fifo');
  await successful('mkfifo', fifo);
  const socketPath = scratchSocket();
  const server = await ServeProcess.serving({
    args: ['--socket-path', socketPath, '--blk-file', scratchImage(64 * MiB), ...args],
    wrapper: ['env', `HOLDFAST_TEST_FIFO=${fifo}`],
    nodeArgs: ['--import', preload],
  });
  const block = async () => {
    server.signal('SIGUSR2');
    await server.logged('event loop blocked');
  };
  const free = () => {
    writeFileSync(fifo, '');
  };
  return { server, socketPath, block, free };
}

it('handshakes and data I/O go on while JavaScript stands still for two seconds', async () => {
  const { server, socketPath, block, free } = await serving();
  await block();
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

  free();
  await server.logged('event loop free');
  await server.logged('front end disconnected');
});

it('the next SCSI guest meets the nexus loss of the last, however late JavaScript hears of that', async () => {
  const { socketPath, block, free } = await serving('--device', 'scsi');
  const first = await Initiator.attached(socketPath);
  await block();
  await first.leave();
  const answer = Initiator.connect(socketPath).then((next) => next.execute(read10(0, 8)));
  // Time enough for a read that doesn't wait for JavaScript.
  await Promise.race([answer, delay(500)]);
  free();
  expect(senseText(await answer)).toBe('6/29/7');
});
