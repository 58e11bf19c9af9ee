/** Taking over from servers that met their front ends, or hold their rights, in another way. */
import { chownSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findUser } from '../../src/util/accounts.js';
import { controlOf } from '../support/control.js';
import { Initiator } from '../support/initiator.js';
import { read10, write10 } from '../support/persistent-reservations.js';
import { Request } from '../support/raw-front-end.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServerLine } from '../support/server-line.js';
import { listening, nextFrontEnd, passFd } from '../support/socket-endpoints.js';

const MiB = 2 ** 20;
const good = 0;
const rounds = 3;

it('servers that are another user: none of them has more rights than the first', async () => {
  const { uid = 0, gid = 0 } = findUser('nobody') ?? {};
  const folder = scratchFolder();
  chownSync(folder, uid, gid);
  const [socketPath, controlPath] = [join(folder, 'disk.sock'), join(folder, 'control.sock')];
  const image = scratchImage(MiB);
  const line = await ServerLine.serving(
    ['--socket-path', socketPath, '--device', 'scsi', '--blk-file', image, '--user', 'nobody'],
    { controlPath },
  );
  const guest = await Initiator.attached(socketPath);
  for (let round = 0; round < rounds; round++) {
    expect((await guest.execute(write10(0, 8, round))).status).toBe(good);
    await line.takeOver();
    expect((await guest.execute(read10(0, 8))).dataIn[0]).toBe(round);
    expect(statSync(`/proc/${String(line.current.pid)}`).uid).toBe(uid);
    expect(statSync(controlPath).uid).toBe(uid);
  }
  await (await controlOf(controlPath)).request('quit', {});
  expect(await line.current.exit()).toBe(0);
});

it('a server that connects as a client: the connection stays, the next is its successor’s', async () => {
  const socketPath = scratchSocket();
  const listener = await listening(socketPath);
  const connected = nextFrontEnd(listener);
  const line = await ServerLine.serving(['--connect', socketPath, '--blk-file', scratchImage(MiB)]);
  const frontEnd = await connected;
  for (let round = 0; round < rounds; round++) {
    expect(await frontEnd.ask(Request.getQueueNum)).toBe(256n);
    await line.takeOver();
  }
  expect(await frontEnd.ask(Request.getQueueNum)).toBe(256n);
  const again = nextFrontEnd(listener);
  await frontEnd.drop();
  expect(await (await again).ask(Request.getQueueNum)).toBe(256n);
});

it('a server on a passed listener: its successor needs none of its own', async () => {
  const socketPath = scratchSocket();
  const line = await ServerLine.serving(
    ['--fd', '3', '--device', 'scsi', '--blk-file', scratchImage(MiB)],
    { wrapper: passFd('listen', socketPath) },
  );
  const guest = await Initiator.attached(socketPath);
  for (let round = 0; round < rounds; round++) {
    expect((await guest.execute(write10(0, 8, round))).status).toBe(good);
    await line.takeOver();
    expect((await guest.execute(read10(0, 8))).dataIn[0]).toBe(round);
  }
  await guest.leave();
  const next = await Initiator.attached(socketPath);
  expect((await next.execute(read10(0, 8))).dataIn[0]).toBe(rounds - 1);
});

it('a server of one passed connection: its successor ends with that', async () => {
  const socketPath = scratchSocket();
  const connected = nextFrontEnd(await listening(socketPath));
  const line = await ServerLine.serving(['--fd', '3', '--blk-file', scratchImage(MiB)], {
    wrapper: passFd('connect', socketPath),
  });
  const frontEnd = await connected;
  for (let round = 0; round < rounds; round++) await line.takeOver();
  expect(await frontEnd.ask(Request.getQueueNum)).toBe(256n);
  await frontEnd.drop();
  expect(await line.current.exit()).toBe(0);
});
