import { describe, expect, it } from 'vitest';
import { interruptedLoad } from '../support/loadgen.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;

// Exit code 0 is itself the proof of "within a second": a drain that takes longer ends with 7.
describe.each(['io_uring', 'libaio', 'sync'])('with %s', (engine) => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s under load drains and ends with 0',
    async (signal) => {
      const socketPath = scratchSocket();
      const server = await ServeProcess.serving({
        args: ['--socket-path', socketPath, '--blk-file', scratchImage(64 * MiB)].concat([
          '--io-engine',
          engine,
        ]),
      });
      const loading = interruptedLoad(
        socketPath,
        ...['--read', '50', '--depth', '64', '--queues', '2', '--seconds', '30'],
      );
      await server.logged('front end connected');

      server.signal(signal);
      expect(await server.exit()).toBe(0);
      expect(server.log.at(-1)?.msg).toBe('stopped');
      expect((await loading).status).toBe(1);
    },
  );
});

it('removes the socket it made', async () => {
  const socketPath = scratchSocket();
  const args = ['--socket-path', socketPath, '--blk-file', scratchImage(MiB)];
  const server = await ServeProcess.serving({ args });
  server.signal('SIGTERM');
  await server.exit();
  const { status, stderr } = await interruptedLoad(socketPath);
  expect(status).toBe(1);
  expect(stderr).toMatch(/No such file/);
});
