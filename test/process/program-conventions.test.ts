import { expect, it } from 'vitest';
import { successful } from '../support/command.js';
import { load } from '../support/loadgen.js';
import { Request } from '../support/raw-front-end.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';
import { listening, nextFrontEnd, passFd } from '../support/socket-endpoints.js';

const MiB = 2 ** 20;

it('--print-capabilities prints them as JSON whatever else is said', async () => {
  for (const args of [[], ['--blk-file', '/nonexistent'], ['--unknown', '--fd', '3', 'operand']]) {
    const server = new ServeProcess({ args: [...args, '--print-capabilities'] });
    expect(await server.exit()).toBe(0);
    expect(JSON.parse(server.stdout)).toEqual({
      type: 'block',
      features: ['read-only', 'blk-file'],
    });
    expect(server.log).toEqual([]);
  }
});

it('prints nothing on stdout while it serves', async () => {
  const args = ['--socket-path', scratchSocket(), '--blk-file', scratchImage(MiB)];
  const server = await ServeProcess.serving({ args });
  server.signal('SIGTERM');
  expect(await server.exit()).toBe(0);
  expect(server.stdout).toBe('');
});

it('makes its socket with the mode asked for', async () => {
  const image = scratchImage(MiB);
  for (const [options, mode] of [
    [[], '660'],
    [['--socket-mode', '0600'], '600'],
  ] as const) {
    const socketPath = scratchSocket();
    const args = ['--socket-path', socketPath, '--blk-file', image, '--read-only', ...options];
    await ServeProcess.serving({ args });
    expect((await successful('stat', '-c', '%a', socketPath)).trim()).toBe(mode);
  }
});

it('serves one front end after another on a passed listener', async () => {
  const socketPath = scratchSocket();
  await ServeProcess.serving({
    args: ['--fd', '3', '--blk-file', scratchImage(MiB)],
    wrapper: passFd('listen', socketPath),
  });
  for (let round = 0; round < 2; round++) {
    const { errors, reads } = await load(socketPath, '--seconds', '0.1');
    expect(errors).toBe(0);
    expect(reads).toBeGreaterThan(0);
  }
});

it('serves a passed connection and ends with it', async () => {
  const socketPath = scratchSocket();
  const listener = await listening(socketPath);
  const connected = nextFrontEnd(listener);
  const server = new ServeProcess({
    args: ['--fd', '3', '--blk-file', scratchImage(MiB)],
    wrapper: passFd('connect', socketPath),
  });
  const frontEnd = await connected;
  expect(await frontEnd.ask(Request.getQueueNum)).toBe(256n);
  await frontEnd.drop();
  expect(await server.exit()).toBe(0);
});

it('ends with 5 when a passed connection breaks the protocol', async () => {
  const socketPath = scratchSocket();
  const connected = nextFrontEnd(await listening(socketPath));
  const server = new ServeProcess({
    args: ['--fd', '3', '--blk-file', scratchImage(MiB)],
    wrapper: passFd('connect', socketPath),
  });
  (await connected).send(200);
  expect(await server.exit()).toBe(5);
  expect(server.log.at(-1)?.msg).toMatch(/^file descriptor 3: .*200/);
});

it('connects as a client, again after each disconnect', async () => {
  const socketPath = scratchSocket();
  const listener = await listening(socketPath);
  let connected = nextFrontEnd(listener);
  const server = new ServeProcess({
    args: ['--connect', socketPath, '--blk-file', scratchImage(MiB)],
  });
  for (let round = 0; round < 2; round++) {
    const frontEnd = await connected;
    expect(await frontEnd.ask(Request.getQueueNum)).toBe(256n);
    connected = nextFrontEnd(listener);
    await frontEnd.drop();
  }
  await connected;
  server.signal('SIGTERM');
  expect(await server.exit()).toBe(0);
});

it('reads the size again on SIGHUP', async () => {
  const image = scratchImage(MiB);
  const socketPath = scratchSocket();
  const server = await ServeProcess.serving({
    args: ['--socket-path', socketPath, '--blk-file', image],
  });
  await successful('truncate', '-s', '2M', image);
  server.signal('SIGHUP');
  expect(await server.logged('size read again')).toMatchObject({ sizeBytes: 2 * MiB });
  expect((await load(socketPath, '--range', '2M', '--seconds', '0.1')).errors).toBe(0);
});
