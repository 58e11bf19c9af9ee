import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadAddon, type NativeConnection } from '../../src/native/addon.js';
import { within } from '../support/deadline.js';
import { scratchSocket } from '../support/scratch.js';

const patience = 20_000;
const KiB = 1024;
const MiB = 1024 * KiB;

/** A connection with all that came from it. */
class Peer {
  readonly connection: NativeConnection;
  data = Buffer.alloc(0);
  readonly fds: number[] = [];
  readonly ended: Promise<string>;
  #changed = (): void => undefined;

  constructor(connection: NativeConnection) {
    this.connection = connection;
    this.ended = new Promise((resolve) => {
      connection.start({
        onData: (data, fds) => {
          this.data = Buffer.concat([this.data, data]);
          this.fds.push(...fds);
          this.#changed();
        },
        onEnd: resolve,
      });
    });
    onTestFinished(() => {
      for (const fd of this.fds) closeSync(fd);
    });
  }

  /** Resolves when so many bytes and descriptors have come. */
  async has(bytes: number, fds = 0): Promise<void> {
    const come = new Promise<void>((resolve) => {
      this.#changed = () => {
        if (this.data.length >= bytes && this.fds.length >= fds) resolve();
      };
      this.#changed();
    });
    await within(patience, `${bytes} bytes and ${fds} descriptors`, come);
  }

  async end(): Promise<string> {
    return within(patience, 'the end', this.ended);
  }
}

/** A listener's connections, one after the other. */
class Server {
  readonly path = scratchSocket();
  readonly #waiting: ((connection: NativeConnection) => void)[] = [];
  readonly #come: NativeConnection[] = [];

  constructor() {
    const listener = loadAddon().listenForFds({
      socketPath: this.path,
      socketMode: 0o600,
      onConnection: (connection) => {
        const waiter = this.#waiting.shift();
        if (waiter) waiter(connection);
        else this.#come.push(connection);
      },
    });
    onTestFinished(() => {
      listener.close();
    });
  }

  async next(): Promise<NativeConnection> {
    const ready = this.#come.shift();
    if (ready) return ready;
    const come = new Promise<NativeConnection>((resolve) => this.#waiting.push(resolve));
    return within(patience, 'a connection', come);
  }
}

async function connected(
  server: Server,
): Promise<{ near: NativeConnection; far: NativeConnection }> {
  const near = await within(patience, 'the connect', loadAddon().connectForFds(server.path));
  const far = await server.next();
  onTestFinished(() => {
    near.close();
    far.close();
  });
  return { near, far };
}

async function peers(): Promise<{ near: Peer; far: Peer }> {
  const { near, far } = await connected(new Server());
  return { near: new Peer(near), far: new Peer(far) };
}

function openDevice(path: string): number {
  const fd = openSync(path, constants.O_RDONLY);
  onTestFinished(() => {
    closeSync(fd);
  });
  return fd;
}

const openFds = (): number => readdirSync('/proc/self/fd').length;

/** Sockets are closed by a thread of their own, which tells nobody; those of earlier tests, too. */
async function openFdsAtMost(count: number): Promise<void> {
  const closed = (): void => {
    expect(openFds()).toBeLessThanOrEqual(count);
  };
  await vi.waitFor(closed, { timeout: patience });
}

it('carries bytes and descriptors both ways and knows its peer', async () => {
  const { near, far } = await peers();
  const [zero, nothing] = [openDevice('/dev/zero'), openDevice('/dev/null')];
  near.connection.send(Buffer.from('one'), [zero, nothing]);
  near.connection.send(Buffer.from('two'));
  await far.has(6, 2);
  expect(far.data.toString()).toBe('onetwo');
  expect(far.fds.map((fd) => fstatSync(fd).rdev)).toEqual(
    [zero, nothing].map((fd) => fstatSync(fd).rdev),
  );
  far.connection.send(Buffer.from('back'), [zero]);
  await near.has(4, 1);
  const own = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
  expect(far.connection.peer).toEqual(own);
  expect(near.connection.unsent()).toBe(0);
});

it('passes 16 descriptors at once; 17 end the connection and none stays', async () => {
  const { near, far } = await peers();
  const fd = openDevice('/dev/null');
  near.connection.send(Buffer.from('x'), Array<number>(16).fill(fd));
  await far.has(1, 16);
  const before = openFds();
  near.connection.send(Buffer.from('y'), Array<number>(17).fill(fd));
  expect(await far.end()).toMatch(/^the peer sent more than 16 file descriptors at once/);
  expect(far.fds).toHaveLength(16);
  expect(await near.end()).toBe('');
  await openFdsAtMost(before - 2);
});

describe('the end', () => {
  it('of a peer in the middle of a message: its bytes, then the end', async () => {
    const { near, far } = await peers();
    near.connection.send(Buffer.from('half a mess'), [openDevice('/dev/null')]);
    near.connection.close();
    expect(await near.end()).toBe('');
    expect(await far.end()).toBe('');
    expect(far.data.toString()).toBe('half a mess');
    expect(far.fds).toHaveLength(1);
    far.connection.send(Buffer.from('to nobody'));
    far.connection.close();
  });

  it('of a peer that left bytes unread is told with its reason', async () => {
    const { near, far } = await connected(new Server());
    const peer = new Peer(near);
    near.send(Buffer.from('never read'));
    far.close();
    expect(await peer.end()).toBe('cannot receive: Connection reset by peer');
  });

  it('comes after what the peer said before it closed, though a send failed meanwhile', async () => {
    const server = new Server();
    const client = connect(server.path);
    const accepted = await server.next();
    await new Promise((resolve) => client.write('goodbye', resolve));
    client.destroy();
    await once(client, 'close');
    accepted.send(Buffer.from('too late'));
    const peer = new Peer(accepted);
    expect(await peer.end()).toBe('cannot send: Broken pipe');
    expect(peer.data.toString()).toBe('goodbye');
  });

  it('comes once, though close is called in onData and again', async () => {
    const { near, far } = await connected(new Server());
    const ends: string[] = [];
    const data: string[] = [];
    near.start({
      onData: (chunk) => {
        data.push(chunk.toString());
        near.close();
        expect(ends).toEqual([]);
      },
      onEnd: (reason) => {
        ends.push(reason);
        near.close();
      },
    });
    far.send(Buffer.from('first'));
    await new Peer(far).end();
    far.send(Buffer.from('second'));
    await turn();
    expect({ data, ends }).toEqual({ data: ['first'], ends: [''] });
  });
});

it('pause leaves everything in the kernel until resume', async () => {
  const { near, far } = await peers();
  far.connection.pause();
  near.connection.send(Buffer.from('wait'), [openDevice('/dev/null')]);
  // Another connection's way there and back shows that the loop has been round.
  const other = await peers();
  other.near.connection.send(Buffer.from('x'));
  await other.far.has(1);
  expect(far.data).toHaveLength(0);
  far.connection.resume();
  await far.has(4, 1);
});

it('a flood waits with the sender: what the reader pauses for is unsent there', async () => {
  const { near, far } = await peers();
  far.connection.pause();
  const chunk = Buffer.alloc(64 * KiB, 'x');
  let sent = 0;
  while (near.connection.unsent() < MiB) {
    near.connection.send(chunk);
    sent += chunk.length;
  }
  expect(far.data).toHaveLength(0);
  far.connection.resume();
  await far.has(sent);
  expect(near.connection.unsent()).toBe(0);
});

it('a peer that never reads ends the connection at 4 MiB', async () => {
  const { near, far } = await peers();
  far.connection.pause();
  const chunk = Buffer.alloc(MiB);
  for (let i = 0; i < 6; i++) near.connection.send(chunk);
  expect(await near.end()).toMatch(/^the peer does not read: \d+ bytes wait$/);
});

it('refuses what cannot be sent, and goes on', async () => {
  const { near, far } = await peers();
  const fd = openDevice('/dev/null');
  const { connection } = near;
  const wrong: [Buffer, number[], string][] = [
    [Buffer.from('x'), [1 << 20], 'EBADF'],
    [Buffer.alloc(0), [fd], 'EINVAL'],
    [Buffer.from('x'), Array<number>(254).fill(fd), 'EINVAL'],
  ];
  for (const [data, fds, code] of wrong) {
    expect(() => {
      connection.send(data, fds);
    }).toThrow(expect.objectContaining({ code }));
  }
  connection.send(Buffer.from('fine'));
  await far.has(4);
});

it('an exception in a handler reaches the process, and other sockets are served', async () => {
  const { near, far } = await connected(new Server());
  const other = await peers();
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  onTestFinished(() => {
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  const caught = once(process, 'uncaughtException') as Promise<[Error]>;
  far.start({
    onData: () => {
      throw new Error('on purpose');
    },
    onEnd: () => undefined,
  });
  near.send(Buffer.from('x'));
  other.near.connection.send(Buffer.from('still there'));
  expect((await within(patience, 'the exception', caught))[0].message).toBe('on purpose');
  await other.far.has(11);
  near.close();
  far.close();
});

describe('a listener', () => {
  it('has the mode asked for, removes its file, and refuses a place that is taken', async () => {
    const path = scratchSocket();
    const options = { socketPath: path, socketMode: 0o660, onConnection: () => undefined };
    const listener = loadAddon().listenForFds(options);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(() => loadAddon().listenForFds(options)).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE' }),
    );
    listener.close();
    listener.close();
    expect(existsSync(path)).toBe(false);
    await expect(loadAddon().connectForFds(path)).rejects.toMatchObject({
      code: 'ENOENT',
      message: `cannot connect to ${path}: No such file or directory`,
    });
    await expect(loadAddon().connectForFds('x'.repeat(200))).rejects.toMatchObject({
      code: 'ENAMETOOLONG',
    });
  });

  it('may be a passed socket', async () => {
    const bound = scratchSocket();
    const server = createServer().listen(bound);
    await once(server, 'listening');
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const { near, far } = await peers();
    near.connection.send(Buffer.from('x'), [fd]);
    await far.has(1, 1);
    const copy = far.fds.pop();
    // Where Node, which closes its own now, doesn't remove it.
    const path = `${bound}-moved`;
    renameSync(bound, path);
    server.close();
    const come = new Promise<NativeConnection>((resolve) => {
      const listener = loadAddon().listenForFds({
        socketFd: Number(copy),
        socketMode: 0,
        onConnection: resolve,
      });
      onTestFinished(() => {
        listener.close();
      });
    });
    const client = connect(path);
    onTestFinished(() => {
      client.destroy();
    });
    const peer = new Peer(await within(patience, 'the connection', come));
    client.write('hello');
    await peer.has(5);
  });
});

it('1000 connections that come, say something and go leave nothing behind', async () => {
  const server = new Server();
  const fd = openDevice('/dev/null');
  const round = async (): Promise<void> => {
    const { near, far } = await connected(server);
    near.send(Buffer.from('x'), [fd]);
    near.close();
    const ended = new Promise((resolve) => {
      far.start({
        onData: (_data, fds) => {
          fds.forEach(closeSync);
        },
        onEnd: resolve,
      });
    });
    await within(patience, 'the end', ended);
  };
  await round();
  const before = openFds();
  for (let i = 0; i < 1000; i++) await round();
  await openFdsAtMost(before);
});
