import { createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { MultipathdClient } from '../../../src/multipath/multipathd-client.js';
import { scratchSocket } from '../../support/scratch.js';

/** Listens as multipathd does; the connection and all that came on it go to `answer`. */
async function daemon(
  answer: (socket: Socket, command: Buffer) => void,
  path = scratchSocket(),
): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', (command) => {
      answer(socket, command);
    });
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

function message(text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(body.length));
  return Buffer.concat([length, body]);
}

const timeoutMs = 10_000;

it('sends length and text, and puts a reply together however it comes', async () => {
  let received: Buffer | undefined;
  const path = await daemon((socket, command) => {
    received = command;
    const reply = message('ok\n');
    socket.write(reply.subarray(0, 5), () => {
      socket.write(reply.subarray(5, 9), () => socket.write(reply.subarray(9)));
    });
  });
  const client = new MultipathdClient({ addresses: [path], timeoutMs });
  expect(await client.ask('show daemon')).toEqual({ kind: 'answered', text: 'ok\n' });
  expect(received).toEqual(message('show daemon'));
});

it('takes the first address where somebody listens, abstract ones too', async () => {
  const path = await daemon((socket) => socket.write(message('here')));
  const missing = ['/nonexistent/socket', '@holdfast-test-nobody-listens'];
  const client = new MultipathdClient({ addresses: [...missing, path], timeoutMs });
  expect(await client.ask('x')).toEqual({ kind: 'answered', text: 'here' });

  const nobody = new MultipathdClient({ addresses: missing, timeoutMs });
  expect(await nobody.ask('x')).toEqual({ kind: 'absent' });

  // Node pads abstract names with NULs, which are part of them; the client must not.
  const name = `holdfast-test-${process.pid}`.padEnd(107, '\0');
  await daemon((socket) => socket.write(message('abstract')), `\0${name}`);
  const abstract = new MultipathdClient({ addresses: [`@${name}`], timeoutMs });
  expect(await abstract.ask('x')).toEqual({ kind: 'answered', text: 'abstract' });
});

it('fails when the daemon hangs up, promises too much, or says nothing in time', async () => {
  const hangsUp = await daemon((socket) => {
    socket.end(message('a longer reply').subarray(0, 12));
  });
  expect(await new MultipathdClient({ addresses: [hangsUp], timeoutMs }).ask('x')).toEqual({
    kind: 'failed',
    reason: 'it closed the connection',
  });

  for (const length of [0n, 2n ** 63n]) {
    const liar = await daemon((socket) => {
      const header = Buffer.alloc(8);
      header.writeBigUInt64LE(length);
      socket.write(header);
    });
    expect(await new MultipathdClient({ addresses: [liar], timeoutMs }).ask('x')).toEqual({
      kind: 'failed',
      reason: `a reply of ${length} bytes`,
    });
  }

  const silent = await daemon(() => undefined);
  expect(await new MultipathdClient({ addresses: [silent], timeoutMs: 1 }).ask('x')).toEqual({
    kind: 'failed',
    reason: 'no answer within 1 ms',
  });
});

it('refuses an address that is too long for a socket, instead of cutting it', async () => {
  const client = new MultipathdClient({ addresses: [`/tmp/${'x'.repeat(200)}`], timeoutMs });
  expect(await client.ask('x')).toMatchObject({ kind: 'failed' });
});
