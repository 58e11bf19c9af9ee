/** `holdfast pr` and the control socket behind it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { successful } from '../support/command.js';
import { load } from '../support/loadgen.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const MiB = 2 ** 20;
const guest = 'iqn.2026-11.test:vm1';

interface Served {
  image: string;
  socketPath: string;
  control: string;
  server: ServeProcess;
}

async function served(...more: string[]): Promise<Served> {
  const [image, socketPath, control] = [scratchImage(MiB), scratchSocket(), scratchSocket()];
  const args = [
    ...['--socket-path', socketPath, '--initiator-name', guest],
    ...['--control-socket', control, '--blk-file', image, ...more],
  ];
  return { image, socketPath, control, server: await ServeProcess.serving({ args }) };
}

/** Runs `holdfast pr ACTION` and tells how it ended. */
function pr(control: string, ...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const command = [main, 'pr', ...args, '--control-socket', control];
    execFile(process.execPath, command, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

/** What one line sent to the control socket is answered with; undefined if it hangs up. */
async function answerTo(control: string, line: string): Promise<unknown> {
  const socket = connect(control);
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write(`${line}\n`);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const next = await lines.next().catch(() => undefined);
  return typeof next?.value === 'string' ? (JSON.parse(next.value) as unknown) : undefined;
}

describe('holdfast pr', () => {
  it('takes a disk through all states', async () => {
    const { control, image } = await served();
    const steps = [
      ['keys', 'generation 0\n  no keys are registered\n'],
      ['register --new-key a1', 'done\n'],
      [`register-ignore --new-key b2 --as ${guest}`, 'done\n'],
      ['keys', 'generation 2\n  0xa1\n  0xb2\n'],
      ['reserve --key a1 --type write-exclusive-registrants-only', 'done\n'],
      ['reservation', 'generation 2\n  write-exclusive-registrants-only, key 0xa1\n'],
      [
        'full-status',
        'generation 2\n' +
          '  0xa1  iqn.2026-11.holdfast:administrator  holds write-exclusive-registrants-only\n' +
          `  0xb2  ${guest}\n`,
      ],
      ['preempt-abort --key a1 --victim-key b2 --type write-exclusive-registrants-only', 'done\n'],
      ['keys', 'generation 3\n  0xa1\n'],
      ['release --key a1 --type write-exclusive-registrants-only', 'done\n'],
      ['reservation', 'generation 3\n  not reserved\n'],
      ['register --key a1 --new-key c3', 'done\n'],
      ['clear --key c3', 'done\n'],
      [`keys --disk ${image}`, 'generation 5\n  no keys are registered\n'],
    ] as const;
    for (const [args, output] of steps) {
      expect(await pr(control, ...args.split(' ')), args).toEqual({ code: 0, output });
    }
    expect((await pr(control, 'capabilities')).output).toContain('types: write-exclusive, ');
  });

  it('prints JSON', async () => {
    const { control } = await served();
    await pr(control, 'register', '--new-key', 'a1', '--aptpl');
    const { output } = await pr(control, 'full-status', '--json');
    expect(JSON.parse(output)).toEqual({
      status: 'good',
      data: {
        action: 'read-full-status',
        generation: 1,
        registrations: [
          {
            key: '0xa1',
            nexus: 'iqn.2026-11.holdfast:administrator,i,0x000000000000,t,0x0001',
            allTgPt: false,
            holds: null,
          },
        ],
      },
    });
  });

  it.each([
    ['a conflict', 'reserve --key 9 --type exclusive-access', 8, 'reservation conflict'],
    ['a disk that is not served', 'keys --disk /nowhere', 8, '/nowhere is not served here'],
    ['a key that is none', 'register --new-key xyz', 2, 'hexadecimal'],
    ['a type that is none', 'reserve --key 1 --type shared', 2, 'write-exclusive'],
    ['a name that is none', 'keys --as vm1', 2, 'iSCSI name'],
  ])('says what is wrong: %s', async (_, args, code, words) => {
    const { control } = await served();
    const result = await pr(control, ...args.split(' '));
    expect(result.code).toBe(code);
    expect(result.output).toContain(words);
  });

  it('names a control socket where nobody listens', async () => {
    const result = await pr('/nonexistent/control', 'keys');
    expect(result.code).toBe(5);
    expect(result.output).toContain('--control-socket /nonexistent/control');
  });

  it('--watch prints every change until the server ends', async () => {
    const { control, server } = await served();
    const args = [main, 'pr', 'keys', '--watch', '--json', '--control-socket', control];
    const watch = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(watch, 'close');
    onTestFinished(() => {
      watch.kill();
    });
    const lines = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
    const generation = async () => {
      const line = await lines.next();
      return (JSON.parse(String(line.value)) as { data: { generation: number } }).data.generation;
    };
    expect(await generation()).toBe(0);
    await pr(control, 'register', '--new-key', 'a1');
    expect(await generation()).toBe(1);
    await pr(control, 'clear', '--key', 'a1');
    expect(await generation()).toBe(2);
    server.signal('SIGTERM');
    await ended;
    expect(watch.exitCode).toBe(0);
  });
});

describe('a blk disk', () => {
  it('obeys reservations that were made by hand', async () => {
    const { control, socketPath } = await served('--device', 'blk');
    expect((await load(socketPath, '--seconds', '0.1')).errors).toBe(0);
    await pr(control, 'register', '--new-key', 'a1');
    await pr(control, 'reserve', '--key', 'a1', '--type', 'exclusive-access');
    await expect(load(socketPath, '--seconds', '0.1')).rejects.toThrow('requests failed');
    await pr(control, 'release', '--key', 'a1', '--type', 'exclusive-access');
    expect((await load(socketPath, '--seconds', '0.1')).errors).toBe(0);
  });
});

describe('the control socket', () => {
  it('belongs to its owner alone, and is gone with the server', async () => {
    const { control, server } = await served();
    expect((await successful('stat', '-c', '%a', control)).trim()).toBe('600');
    expect(await answerTo(control, '{"jsonrpc":"2.0","id":1,"method":"quit"}')).toMatchObject({
      result: null,
    });
    expect(await server.exit()).toBe(0);
    expect((await pr(control, 'keys')).code).toBe(5);
  });

  it('tells what is served', async () => {
    const { control, image } = await served();
    const answer = await answerTo(control, '{"jsonrpc":"2.0","id":"x","method":"status"}');
    expect(answer).toMatchObject({
      id: 'x',
      result: {
        disks: [{ disk: image, sizeBytes: MiB, reservations: true }],
        guests: [{ initiator: guest, device: 'blk', connected: false, inFlight: 0 }],
      },
    });
  });

  it.each([
    ['no JSON', '{nonsense', -32700],
    ['no request', '{"id":1}', -32600],
    ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"pr.destroy"}', -32601],
    [
      'wrong parameters',
      '{"jsonrpc":"2.0","id":1,"method":"disk.resize","params":{"disk":5}}',
      -32602,
    ],
    [
      'a disk that is not served',
      '{"jsonrpc":"2.0","id":1,"method":"disk.resize","params":{"disk":"/nowhere"}}',
      -32000,
    ],
  ])('answers %s with its code', async (_, line, code) => {
    const { control } = await served();
    expect(await answerTo(control, line)).toMatchObject({ error: { code } });
  });

  it('hangs up on a line without end', async () => {
    const { control } = await served();
    expect(await answerTo(control, 'x'.repeat(200_000))).toBeUndefined();
    expect((await pr(control, 'keys')).code).toBe(0);
  });

  it('hangs up on a batch of what is no object', async () => {
    const { control } = await served();
    expect(await answerTo(control, '[null]')).toBeUndefined();
    expect((await pr(control, 'keys')).code).toBe(0);
  });

  it('replaces the socket of a server that was killed, and leaves a living one its own', async () => {
    const { control, server } = await served();
    const args = ['--socket-path', scratchSocket(), '--blk-file', scratchImage(MiB)];
    const second = new ServeProcess({ args: [...args, '--control-socket', control] });
    expect(await second.exit()).toBe(5);
    expect(second.log.at(-1)?.msg).toContain('in use by a running server');
    server.signal('SIGKILL');
    await server.exit();
    await ServeProcess.serving({ args: [...args, '--control-socket', control] });
    expect((await pr(control, 'keys')).code).toBe(0);
  });
});
