/** What is left to a server that somebody takes over. */
import { chmodSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { interruptedLoad } from '../support/loadgen.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

interface Thread {
  name: string;
  user: string;
  capabilities: string;
  noNewPrivileges: boolean;
  /** Seccomp filters, one on top of the other. */
  filters: number;
}

function threadsOf(pid: number): Thread[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '';
    return {
      name: field('Name'),
      user: field('Uid'),
      capabilities: field('CapEff'),
      noNewPrivileges: field('NoNewPrivs') === '1',
      filters: Number(field('Seccomp_filters')),
    };
  });
}

/** What its file descriptors are: `socket`, `anon_inode:[eventpoll]`, paths. */
function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const kinds = readdirSync(folder).map((fd) =>
    readlinkSync(`${folder}/${fd}`).replace(/:\[\d+\]$/, ''),
  );
  return [...new Set(kinds)].sort();
}

async function underLoad(...args: string[]): Promise<{ server: ServeProcess; image: string }> {
  const socketPath = scratchSocket();
  const image = scratchImage(2 ** 20);
  for (const path of [dirname(socketPath), dirname(image)]) chmodSync(path, 0o777);
  const server = await ServeProcess.serving({
    args: ['--socket-path', socketPath, '--blk-file', image, ...args],
  });
  void interruptedLoad(socketPath, '--idle', '--seconds', '60');
  await expect.poll(() => threadsOf(server.pid).map(({ name }) => name)).toContain('hf-queue-0');
  return { server, image };
}

it('every thread is confined, those that face the guest most', async () => {
  const { server } = await underLoad();
  const threads = threadsOf(server.pid);
  for (const { name, filters, noNewPrivileges } of threads) {
    const least = name.startsWith('hf-queue') ? 3 : name === 'hf-control' ? 2 : 1;
    expect({ name, filters, noNewPrivileges }).toEqual({
      name,
      filters: least,
      noNewPrivileges: true,
    });
  }
});

it('holds no descriptors but these', async () => {
  const { server, image } = await underLoad();
  const descriptors = descriptorsOf(server.pid);
  console.log(`descriptors of a server: ${descriptors.join(', ')}`);
  const ofNode = ['/dev/null', 'pipe', 'anon_inode:[eventpoll]', 'anon_inode:[eventfd]'];
  const ofTheGuest = ['socket', image, 'anon_inode:[io_uring]', 'anon_inode:[timerfd]'];
  // For a process that takes over.
  const mapped = ['/memfd:guest-memory (deleted)', '/memfd:holdfast-inflight (deleted)'];
  expect(descriptors).toEqual([...ofNode, ...ofTheGuest, ...mapped].sort());
});

it('becomes another user, with no capability left in any thread', async () => {
  const { server } = await underLoad('--user', 'nobody');
  for (const { name, user, capabilities } of threadsOf(server.pid)) {
    expect({ name, user, capabilities }).toEqual({
      name,
      user: '65534',
      capabilities: '0000000000000000',
    });
  }
  server.signal('SIGTERM');
  expect(await server.exit()).toBe(0);
});

it('does without where it is told to', async () => {
  const { server } = await underLoad('--no-sandbox');
  expect(threadsOf(server.pid).map(({ filters }) => filters)).not.toContain(1);
});

it('refuses a user that there is none of', async () => {
  const args = ['--socket-path', scratchSocket(), '--blk-file', scratchImage(2 ** 20)];
  const server = new ServeProcess({ args: [...args, '--user', 'no-such-user'] });
  expect(await server.exit()).toBe(2);
  expect(server.log.at(-1)?.msg).toBe('there is no user no-such-user');
});
