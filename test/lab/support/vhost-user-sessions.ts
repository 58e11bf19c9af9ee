/** The scripted front end's sessions (test/sessions), and back ends that they are held with. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { isListening } from '../../../src/bench/server-process.js';
import { checkout, libvhostUser } from '../../support/images.js';
import { type LogLine, ServeProcess } from '../../support/serve-process.js';

const run = promisify(execFile);
const build = `${checkout}build/release`;
const program = `${build}/sessions/holdfast-sessions`;

const sectors = 2048;
const sectorSize = 512;

export interface Session {
  group: string;
  name: string;
}

/** What a back end made of a session. */
export interface Outcome {
  transcript: string[];
  /** How its process died, if not by its own will; empty if it did not. */
  death: string;
}

/** @returns all sessions, in the order in which they are listed */
export async function buildSessions(): Promise<Session[]> {
  await run('cmake', [build, '-DHOLDFAST_TESTS=ON']);
  await run('ninja', ['-C', build, 'holdfast-sessions']);
  const { stdout } = await run(program, ['list']);
  return stdout.trimEnd().split('\n').map(toSession);
}

function toSession(line: string): Session {
  const [group = '', name = ''] = line.split('\t');
  return { group, name };
}

/** Holds a session with a back end. */
export type Peer = (session: Session) => Promise<Outcome>;

/** A session, and what either back end made of it. */
export interface Comparison {
  session: Session;
  ours: Outcome;
  theirs: Outcome;
}

const notHeld: Outcome = { transcript: [], death: 'the session was not held' };

export function comparisonOf(session: Session): Comparison {
  return { session, ours: notHeld, theirs: notHeld };
}

/** Holds all sessions, each peer one at a time, and fills in the outcomes of one side. */
export async function holdAll(
  comparisons: readonly Comparison[],
  side: 'ours' | 'theirs',
  peers: readonly Peer[],
): Promise<void> {
  const left = comparisons.values();
  const work = async (peer: Peer) => {
    for (const comparison of left) comparison[side] = await peer(comparison.session);
  };
  await Promise.all(peers.map(work));
}

async function hold(session: Session, socketPath: string): Promise<string[]> {
  const { stdout } = await run(program, ['run', session.name, socketPath]);
  return stdout === '' ? [] : stdout.trimEnd().split('\n');
}

/** Sector n is full of bytes n. */
async function writeImage(path: string): Promise<void> {
  const image = Buffer.alloc(sectors * sectorSize);
  for (let sector = 0; sector < sectors; sector += 1) {
    image.fill(sector & 0xff, sector * sectorSize, (sector + 1) * sectorSize);
  }
  await writeFile(path, image);
}

/** One process of holdfast for all sessions: each shows that those before it did no harm. */
export class HoldfastPeer {
  readonly #server: ServeProcess;
  readonly #socketPath: string;

  private constructor(server: ServeProcess, socketPath: string) {
    this.#server = server;
    this.#socketPath = socketPath;
  }

  static async start(directory: string, onEnd: (end: () => Promise<void>) => void) {
    const image = `${directory}/holdfast.img`;
    const socketPath = `${directory}/holdfast.sock`;
    await writeImage(image);
    // As many queues as the other has, and a write cache that the guest may switch, too.
    const args = ['--socket-path', socketPath, '--blk-file', image];
    args.push('--num-queues', '8', '--config-wce');
    return new HoldfastPeer(await ServeProcess.serving({ args, onEnd }), socketPath);
  }

  async hold(session: Session): Promise<Outcome> {
    return { transcript: await hold(session, this.#socketPath), death: '' };
  }

  /** Open descriptors and threads of the process. */
  figures(): { descriptors: number; threads: number } {
    const count = (what: string) => readdirSync(`/proc/${this.#server.pid}/${what}`).length;
    return { descriptors: count('fd'), threads: count('task') };
  }

  /** Waits until as many front ends have gone. */
  async gone(count: number): Promise<void> {
    for (let from = 0, left = count; left > 0; left -= 1) {
      const line = await this.#server.logged('front end disconnected', from);
      from = this.#server.log.indexOf(line) + 1;
    }
  }

  /** Messages of the log that tell of a bug; 'plain' is what Node.js itself says. */
  bugs(): string[] {
    const isBug = ({ level, msg }: LogLine) => level === 'plain' || msg.includes('this is a bug');
    return this.#server.log.filter(isBug).map(({ msg }) => msg);
  }
}

/** How long a process may take to end by itself when its connection has ended. */
const endTime = 20_000;

/** Those that wait for what never comes don't hold up the others. */
const libvhostUserPeerCount = 4;

/** QEMU's vhost-user-blk, which serves one connection: a process for each session. */
export function libvhostUserPeers(directory: string): Peer[] {
  return Array.from({ length: libvhostUserPeerCount }, (_, number) => {
    const files = `${directory}/libvhost-user-${number}`;
    return (session) => holdWithLibvhostUser(session, `${files}.img`, `${files}.sock`);
  });
}

async function holdWithLibvhostUser(
  session: Session,
  image: string,
  socketPath: string,
): Promise<Outcome> {
  await rm(socketPath, { force: true });
  await writeImage(image);
  const server = spawn(libvhostUser, ['--socket-path', socketPath, '--blk-file', image], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ASAN_OPTIONS: 'detect_leaks=0' },
  });
  let complaints = '';
  server.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const ended = once(server, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  try {
    while (!isListening(await readFile('/proc/net/unix', 'utf8'), socketPath)) {
      if (server.exitCode !== null) throw new Error(`vhost-user-blk did not start: ${complaints}`);
      await delay(5);
    }
    const transcript = await hold(session, socketPath);
    const timer = setTimeout(() => server.kill('SIGKILL'), endTime);
    const [code, signal] = await ended;
    clearTimeout(timer);
    return { transcript, death: deathOf(code, signal, complaints) };
  } finally {
    server.kill('SIGKILL');
  }
}

function deathOf(code: number | null, signal: NodeJS.Signals | null, complaints: string): string {
  const fault = /ERROR: AddressSanitizer: (\S+)/.exec(complaints)?.[1];
  if (fault === 'BUS') return 'SIGBUS';
  if (fault !== undefined) return 'a wild access to memory';
  if (signal === 'SIGABRT') return 'a failed assertion';
  if (signal === 'SIGKILL') return 'it never ends';
  return signal ?? (code === 0 ? '' : `exit code ${code}`);
}
