/** Two guests on one disk, each a nexus of its own, through the whole of a real server. */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Initiator, senseText } from '../support/initiator.js';
import {
  keysIn,
  persistentReserveOut,
  read10,
  readKeys,
  write10,
  writeExclusiveRegistrantsOnly as weRegistrantsOnly,
} from '../support/persistent-reservations.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const good = 0;
const conflict = 0x18;
const testUnitReady = { cdb: '00 00 00 00 00 00' };

/** A server with a socket for each of `count` guests. */
async function shared(image: string, count: number, ...more: string[]) {
  const sockets = Array.from({ length: count }, scratchSocket);
  const args = [
    ...sockets.flatMap((path, index) => [
      ...['--socket-path', path, '--initiator-name', `iqn.2026-11.test:vm${index + 1}`],
    ]),
    ...['--device', 'scsi', '--blk-file', image, ...more],
  ];
  return { sockets, server: await ServeProcess.serving({ args }) };
}

/** Connected, and told that the disk was powered on. */
async function attached(socketPath: string): Promise<Initiator> {
  const initiator = await Initiator.connect(socketPath);
  for (let attempt = 0; attempt < 4; attempt++) {
    const { status } = await initiator.execute(testUnitReady);
    if (status === good) return initiator;
  }
  throw new Error('the disk never became ready');
}

it('one guest fences the other', async () => {
  const { sockets } = await shared(scratchImage(MiB), 2);
  const [first = '', second = ''] = sockets;
  const one = await attached(first);
  const two = await attached(second);
  const outcome = async (initiator: Initiator, ...of: Parameters<typeof persistentReserveOut>) =>
    (await initiator.execute(persistentReserveOut(...of))).status;
  const type = weRegistrantsOnly;

  expect(await outcome(one, { action: 'registerAndIgnore', newKey: 1n })).toBe(good);
  expect(await outcome(two, { action: 'registerAndIgnore', newKey: 2n })).toBe(good);
  expect(await outcome(one, { action: 'reserve', key: 1n, type })).toBe(good);
  expect((await two.execute(write10(0, 8, 0x22))).status).toBe(good);

  const preempt = { action: 'preemptAndAbort', key: 1n, newKey: 2n, type } as const;
  expect(await outcome(one, preempt)).toBe(good);
  // REGISTRATIONS PREEMPTED comes first, then nothing is let through.
  expect(senseText(await two.execute(write10(0, 8, 0x33)))).toBe('6/2a/5');
  expect((await two.execute(write10(0, 8, 0x33))).status).toBe(conflict);
  expect((await one.execute(read10(0, 8))).dataIn).toEqual(Buffer.alloc(8 * 512, 0x22));
  expect(keysIn((await two.execute(readKeys())).dataIn)).toEqual([1n]);
});

it('keeps registrations over a restart of the server with APTPL', async () => {
  const image = scratchImage(MiB);
  const register = { action: 'register', newKey: 7n, aptpl: true } as const;
  {
    const { sockets, server } = await shared(image, 1);
    const one = await attached(sockets[0] ?? '');
    expect((await one.execute(persistentReserveOut(register))).status).toBe(good);
    expect(existsSync(`${image}.reservations`)).toBe(true);
    server.signal('SIGTERM');
    expect(await server.exit()).toBe(0);
  }
  const { sockets } = await shared(image, 2);
  const two = await attached(sockets[1] ?? '');
  expect(keysIn((await two.execute(readKeys())).dataIn)).toEqual([7n]);
});

it('refuses a second server on the same image', async () => {
  const image = scratchImage(MiB);
  await shared(image, 1);
  const second = new ServeProcess({
    args: ['--socket-path', scratchSocket(), '--device', 'scsi', '--blk-file', image],
  });
  expect(await second.exit()).toBe(4);
  expect(second.log.at(-1)?.msg).toContain('is in use by process');
});

it('has a LUN for each disk', async () => {
  const socketPath = scratchSocket();
  const images = [scratchImage(MiB), scratchImage(2 * MiB)];
  const args = ['--socket-path', socketPath, '--device', 'scsi'];
  await ServeProcess.serving({ args: [...args, ...images.flatMap((i) => ['--blk-file', i])] });
  const one = await attached(socketPath);
  const { dataIn } = await one.execute({ cdb: 'a0 00 00 000000 00001000 00 00', dataIn: 4096 });
  expect(dataIn.toString('hex')).toBe('0000001000000000' + '0000000000000000' + '0001000000000000');
});

it('refuses what could not be told apart', async () => {
  const sockets = [scratchSocket(), scratchSocket()].flatMap((path) => ['--socket-path', path]);
  const name = ['--initiator-name', 'iqn.2026-11.test:vm'];
  const server = new ServeProcess({
    args: [...sockets, ...name, ...name, '--device', 'scsi', '--blk-file', scratchImage(MiB)],
  });
  expect(await server.exit()).toBe(2);
  expect(server.log.at(-1)?.msg).toContain('could not be fenced apart');
});
