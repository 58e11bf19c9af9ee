import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { command, successful } from '../support/command.js';
import { loopDevice, mounted } from '../support/scratch-device.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess, type ServeProcessOptions } from '../support/serve-process.js';

const MiB = 2 ** 20;
const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** Ends with one fatal line; returns its sentence and the exit code. */
async function failure(args: string[], options: Partial<ServeProcessOptions> = {}) {
  const server = new ServeProcess({ args, ...options });
  const exitCode = await server.exit();
  expect(server.stdout).toBe('');
  return { exitCode, message: server.log.at(-1)?.msg ?? '' };
}

function serveImage(image: string, ...options: string[]): string[] {
  return ['--socket-path', scratchSocket(), '--blk-file', image, ...options];
}

describe('an image that cannot be served (exit code 3)', () => {
  it('is missing', async () => {
    const { exitCode, message } = await failure(serveImage('/nonexistent/image'));
    expect(exitCode).toBe(3);
    expect(message).toMatch(/does not exist: correct --blk-file, or make an image with truncate/);
  });

  it.each(['/', '/dev/null'])('is neither a file nor a block device: %s', async (path) => {
    const { exitCode, message } = await failure(serveImage(path));
    expect(exitCode).toBe(3);
    expect(message).toBe(`${path} is neither a file nor a block device`);
  });

  it('ends within a block', async () => {
    const image = scratchImage(MiB + 1);
    const { exitCode, message } = await failure(serveImage(image));
    expect(exitCode).toBe(3);
    expect(message).toMatch(/is not a multiple of the 512-byte block; enlarge it to 1049088$/);
  });

  it('is a read-only device without --read-only', async () => {
    const device = await loopDevice(scratchImage(MiB), '--read-only');
    const { exitCode, message } = await failure(serveImage(device));
    expect(exitCode).toBe(3);
    expect(message).toBe(`${device} is a read-only device: add --read-only`);
    await ServeProcess.serving({ args: serveImage(device, '--read-only') });
  });

  it('has smaller blocks asked of it than its device has', async () => {
    const device = await loopDevice(scratchImage(MiB), '--sector-size', '4096');
    const { exitCode, message } = await failure(serveImage(device, '--blk-size', '512'));
    expect(exitCode).toBe(3);
    expect(message).toMatch(/4096/);
  });

  it("belongs to another group: the message says which, and how it's given access", async () => {
    const image = scratchImage(MiB);
    await successful('chmod', '0640', image);
    await successful('chgrp', 'disk', image);
    // Reads whatever the checkout's folders permit, writes nothing.
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'].concat([
      '--inh-caps',
      '+dac_read_search',
      '--ambient-caps',
      '+dac_read_search',
    ]);
    const { exitCode, message } = await failure(serveImage(image), { wrapper: nobody });
    expect(exitCode).toBe(3);
    expect(message).toContain('user nobody may not open');
    expect(message).toContain('belongs to root:disk with mode 0640: add the user to group disk');
    expect(message).toContain('or add --read-only');
  });
});

describe('an image in use (exit code 4)', () => {
  it('is mounted', async () => {
    const device = await loopDevice(scratchImage(16 * MiB));
    await successful('mkfs.ext4', '-q', device);
    await mounted(device);
    const { exitCode, message } = await failure(serveImage(device));
    expect(exitCode).toBe(4);
    expect(message).toContain(`${device} is in use by the kernel, as a mounted file system`);
  });
});

describe('a socket that cannot be had (exit code 5)', () => {
  it('has a live server, which goes on', async () => {
    const socketPath = scratchSocket();
    const first = ['--socket-path', socketPath, '--blk-file', scratchImage(MiB)];
    const server = await ServeProcess.serving({ args: first });
    const second = ['--socket-path', socketPath, '--blk-file', scratchImage(MiB)];
    const { exitCode, message } = await failure(second);
    expect(exitCode).toBe(5);
    expect(message).toBe(
      `socket ${socketPath} is in use by a running server: stop that one or choose another --socket-path`,
    );
    server.signal('SIGTERM');
    expect(await server.exit()).toBe(0);
  });

  it('is in a folder that does not exist', async () => {
    const args = ['--socket-path', '/nonexistent/socket', '--blk-file', scratchImage(MiB)];
    const { exitCode, message } = await failure(args);
    expect(exitCode).toBe(5);
    expect(message).toBe('socket /nonexistent/socket: its folder does not exist');
  });

  it('has a name that is too long', async () => {
    const socketPath = join(scratchFolder(), 'x'.repeat(120));
    const args = ['--socket-path', socketPath, '--blk-file', scratchImage(MiB)];
    const { exitCode, message } = await failure(args);
    expect(exitCode).toBe(5);
    expect(message).toMatch(/107|long/);
  });

  it('is a file, which is left as it is', async () => {
    const file = scratchImage(512);
    const args = ['--socket-path', file, '--blk-file', scratchImage(MiB)];
    expect((await failure(args)).exitCode).toBe(5);
    await successful('test', '-f', file);
  });

  it.each([99, 0])('is fd %i, which is no socket', async (fd) => {
    const args = ['--fd', String(fd), '--blk-file', scratchImage(MiB)];
    const { exitCode, message } = await failure(args);
    expect(exitCode).toBe(5);
    expect(message).toMatch(new RegExp(`^file descriptor ${fd} is no socket`));
  });
});

it('a stale socket is replaced without a word', async () => {
  const socketPath = scratchSocket();
  const args = ['--socket-path', socketPath, '--blk-file', scratchImage(MiB)];
  const killed = await ServeProcess.serving({ args });
  killed.signal('SIGKILL');
  await killed.exit();
  await successful('test', '-S', socketPath);

  const server = await ServeProcess.serving({ args });
  expect(new Set(server.log.map(({ level }) => level))).toEqual(new Set(['info']));
});

it('a missing addon is named together with the command that builds it (exit code 6)', async () => {
  const folder = scratchFolder();
  for (const name of ['dist', 'package.json']) {
    cpSync(join(checkout, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  const { status, stderr } = await command(
    ...([process.execPath, join(folder, 'dist/cli/main.js'), 'serve'] as const),
    ...serveImage(scratchImage(MiB)),
  );
  expect(status).toBe(6);
  expect(stderr).toContain('the native addon is not built: run npm run build');
});

describe('usage errors (exit code 2)', () => {
  it.each([
    [['--blk-file', 'x'], 'one of --socket-path, --fd and --connect is needed'],
    [['--socket-path', 'x'], "required option '--blk-file <path>' not specified"],
    [['--socket-path', 'x', '--fd', '3', '--blk-file', 'x'], 'cannot be used with option'],
    [['--fd', '3', '--connect', 'x', '--blk-file', 'x'], 'cannot be used with option'],
    [['--socket-path', 'x', '--blk-file', 'x', '--num-queues', '0'], 'from 1 to 256'],
    [['--socket-path', 'x', '--blk-file', 'x', '--io-engine', 'dma'], 'Allowed choices are'],
    [['--socket-path', 'x', '--blk-file', 'x', '--sokcet'], 'unknown option'],
    [
      ['--socket-path', 'x', '--blk-file', 'x', '--incoming', '--pr', 'prd:x'],
      'they do not migrate',
    ],
    [
      ['--socket-path', 'x', '--blk-file', 'x', '--incoming', '--pr', 'device'],
      'needs a --control-socket',
    ],
  ])('%j', async (args, message) => {
    const server = new ServeProcess({ args });
    expect(await server.exit()).toBe(2);
    expect(server.log[0]?.msg).toContain(message);
  });
});
