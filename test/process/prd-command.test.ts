/** `holdfast prd` as a program: its options, its sockets, its end. */
import { closeSync, openSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';
import { PrdConnection } from '../../src/prd/prd-connection.js';
import { NotifySocket } from '../support/notify-socket.js';
import { loopDevice } from '../support/scratch-device.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess, type ServeProcessOptions } from '../support/serve-process.js';

const addon = loadAddon();

function prd(args: string[], options: Partial<ServeProcessOptions> = {}): ServeProcess {
  const folder = scratchFolder();
  const folders = ['--state-directory', folder, '--runtime-directory', folder];
  return new ServeProcess({ ...options, command: 'prd', args: [...folders, ...args] });
}

async function serving(args: string[], options = {}): Promise<ServeProcess> {
  const server = prd(args, options);
  await server.logged('serving');
  return server;
}

/** Asks `hello`. */
async function connected(path: string): Promise<PrdConnection> {
  const ignored = () => undefined;
  const connection = await PrdConnection.open(addon, path, {
    quiesce: ignored,
    resume: ignored,
    conflicts: ignored,
    unitAttention: ignored,
    changed: ignored,
  });
  onTestFinished(() => {
    connection.close();
  });
  return connection;
}

/** The four bytes of features that qemu-pr-helper says first. */
function greeting(path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    onTestFinished(() => {
      socket.destroy();
    });
    socket.on('data', resolve).on('error', reject);
  });
}

describe('holdfast prd', () => {
  it('serves both protocols, tells the service manager, and ends in order', async () => {
    const [own, prHelper] = [scratchSocket(), scratchSocket()];
    const manager = new NotifySocket();
    const args = ['--socket-path', own, '--pr-helper-socket-path', prHelper];
    const environment = { NOTIFY_SOCKET: manager.path };
    const server = await serving([...args, '--socket-mode', '0600'], { environment });
    await connected(own);
    expect(await greeting(prHelper)).toEqual(Buffer.alloc(4));
    expect(statSync(own).mode & 0o777).toBe(0o600);
    expect(statSync(prHelper).mode & 0o777).toBe(0o600);
    await expect.poll(() => manager.receive()).toBe('READY=1');
    server.signal('SIGTERM');
    expect(await server.exit()).toBe(0);
    expect(manager.receive()).toBe('STOPPING=1');
    expect(server.stdout).toBe('');
  });

  it('takes sockets that are passed, by their names', async () => {
    const [own, prHelper] = [scratchSocket(), scratchSocket()];
    const wrapper = ['systemd-socket-activate', '--listen', own, '--listen', prHelper];
    const server = prd([], {
      wrapper: [...wrapper, '--fdname', 'prd:holdfast-pr-helper.socket'],
    });
    await server.logged('Listening on');
    expect(await greeting(prHelper)).toEqual(Buffer.alloc(4));
    await connected(own);
  });

  it('refuses a device that has no reservations, in a sentence', async () => {
    const socket = scratchSocket();
    await serving(['--socket-path', socket]);
    const connection = await connected(socket);
    const fd = openSync(await loopDevice(scratchImage(2 ** 20)), 'r+');
    onTestFinished(() => {
      closeSync(fd);
    });
    await expect(connection.request('open', {}, [fd])).rejects.toMatchObject({
      code: -32005,
      message: expect.stringContaining('neither a SCSI disk') as string,
    });
  });

  it.each([
    ['no socket', [], 2, 'is needed'],
    ['two for one protocol', ['--socket-path', '/tmp/x', '--fd', '3'], 2, 'cannot be used with'],
    ['a socket nowhere', ['--socket-path', '/nonexistent/socket'], 5, "can't be listened on"],
    ['a descriptor that is none', ['--fd', '99'], 5, "can't be listened on"],
  ] as const)('ends with a sentence for %s', async (_, args, code, words) => {
    const server = prd([...args]);
    expect(await server.exit()).toBe(code);
    expect(server.log.at(-1)?.msg).toContain(words);
  });

  it('says what --suspend needs', async () => {
    const args = ['--socket-path', scratchSocket(), '--suspend'];
    const server = prd(args, { wrapper: ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] });
    expect(await server.exit()).toBe(2);
    expect(server.log.at(-1)?.msg).toContain('CAP_SYS_ADMIN');
  });

  it('leaves the socket of another daemon alone, and takes that of a dead one', async () => {
    const socket = scratchSocket();
    const first = await serving(['--socket-path', socket]);
    const second = prd(['--socket-path', socket]);
    expect(await second.exit()).toBe(5);
    first.signal('SIGKILL');
    await first.exit();
    await serving(['--socket-path', socket]);
    await connected(socket);
  });

  it('runs without memory that is both written and run', async () => {
    const socket = scratchSocket();
    await serving(['--socket-path', socket], { nodeArgs: ['--jitless'] });
    await connected(socket);
  });

  it('serves although its state directory is new', async () => {
    const folder = join(scratchFolder(), 'state');
    const socket = scratchSocket();
    await serving(['--socket-path', socket, '--state-directory', folder]);
    await connected(socket);
  });
});
