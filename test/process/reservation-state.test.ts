import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileStateStore } from '../../src/emulated/file-state-store.js';
import { scratchFolder } from '../support/scratch.js';

const program = fileURLToPath(new URL('../support/register-for-ever.mjs', import.meta.url));

/** A process that changes the reservations in `path` until it is killed. */
class Registering {
  readonly #child: ChildProcess;
  #output = '';
  #onOutput: () => void = () => undefined;

  constructor(path: string, strace: readonly string[] = []) {
    const [file, ...args] = ['env', ...strace, process.execPath, program, path] as const;
    this.#child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
      // All its file operations on one thread: strace counts system calls by thread.
      env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
      this.#onOutput();
    });
    onTestFinished(() => {
      this.kill();
    });
  }

  /** The generations it has told of: that at power on, then each that was answered. */
  get generations(): number[] {
    return this.#output.split('\n').slice(0, -1).map(Number);
  }

  /** Resolves when it has told of so many. */
  async told(count: number): Promise<void> {
    while (this.generations.length < count) {
      const output = new Promise<void>((resolve) => (this.#onOutput = resolve));
      await Promise.race([output, this.ended().then(unexpectedEnd)]);
    }
  }

  /** With everything it has started; without effect if it has ended. */
  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid) {
      process.kill(-this.#child.pid, 'SIGKILL');
    }
  }

  /** Resolves when it has ended and all its output is here. */
  async ended(): Promise<void> {
    if (this.#child.stdout?.closed !== true) await once(this.#child, 'close');
  }
}

function unexpectedEnd(): never {
  throw new Error('the registering process ended by itself');
}

/** `NODE KEY` in order of registration, as that process must have it at a generation. */
function expectedAt(generation: number): string[] {
  let keys = new Map<string, number>();
  for (let g = 0; g < generation; g++) {
    if (g % 9 === 8) keys = new Map();
    else keys.set(`n${g % 5}`, g + 1);
  }
  return [...keys].map(([node, key]) => `${node} ${key}`);
}

/** Fails unless the file is whole; returns its generation, which tells what it must contain. */
async function generationIn(path: string): Promise<number> {
  const stored = await new FileStateStore(path).load();
  if (stored === undefined) return 0;
  const keys = [...stored.registrations.values()].map(
    ({ nexus, key }) => `${nexus.id.replace(/^.*:(n\d),.*$/, '$1')} ${key}`,
  );
  expect(keys).toEqual(expectedAt(stored.generation));
  return stored.generation;
}

describe('the reservation state of a process that is killed', () => {
  // SIGKILL on entry of the system call, in the second save.
  it.each([
    { call: 'openat', of: 'state.new', generation: 1 },
    { call: 'write', of: 'state.new', generation: 1 },
    { call: 'fsync', of: 'state.new', generation: 1 },
    { call: 'rename', of: 'state.new', generation: 1 },
    { call: 'fsync', of: '.', generation: 2 },
  ])('is whole if it dies before $call of $of', async ({ call, of, generation }) => {
    const folder = scratchFolder();
    const path = join(folder, 'state');
    const registering = new Registering(path, [
      ...['strace', '-f', '-o', join(folder, 'trace'), '-P', join(folder, of)],
      ...['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=2`],
    ]);
    await registering.ended();
    expect(registering.generations).toEqual([0, 1]);
    expect(await generationIn(path)).toBe(generation);
  });
});

it('a state is on the disk before its name is, and both before the answer', async () => {
  const folder = scratchFolder();
  const trace = join(folder, 'trace');
  const registering = new Registering(join(folder, 'state'), [
    ...['strace', '-f', '-y', '-o', trace, '-e', 'trace=write,fsync,fdatasync,rename'],
  ]);
  await registering.told(3);
  registering.kill();
  await registering.ended();

  const steps = readFileSync(trace, 'utf8')
    .split('\n')
    .map((line) => stepOf(line, folder))
    .filter((step) => step !== undefined);
  const save = ['write state.new', 'fsync state.new', 'rename', 'fsync folder', 'answer'];
  expect(steps.slice(0, 11)).toEqual(['answer', ...save, ...save]);
});

/** What a line of strace says about the state file; undefined for anything else. */
function stepOf(line: string, folder: string): string | undefined {
  const [, call, path] = /^\d+ +(\w+)\(\d+<([^>]*)>/.exec(line) ?? [];
  if (call !== undefined && path?.startsWith(folder)) {
    return `${call} ${path === folder ? 'folder' : basename(path)}`;
  }
  if (line.includes(`rename("${folder}/state.new", "${folder}/state"`)) return 'rename';
  return /\bwrite\(1<[^>]*>, "\d+\\n"/.test(line) ? 'answer' : undefined;
}
