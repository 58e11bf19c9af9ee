/** One process goes on serving in another one's place, under the guests' load. */
import { expect, it } from 'vitest';
import { controlOf } from '../support/control.js';
import { Initiator, senseText } from '../support/initiator.js';
import { load } from '../support/loadgen.js';
import { NotifySocket } from '../support/notify-socket.js';
import {
  keysIn,
  persistentReserveOut,
  read10,
  readKeys,
  write10,
  writeExclusiveRegistrantsOnly as type,
} from '../support/persistent-reservations.js';
import { RawFrontEnd, Request } from '../support/raw-front-end.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServerLine } from '../support/server-line.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const good = 0;
const conflict = 0x18;
const rounds = 20;
const names = ['iqn.2026-11.test:first', 'iqn.2026-11.test:second'] as const;

/** @param guests 1 or 2 */
async function serving(guests: number, ...args: string[]) {
  const sockets = [scratchSocket(), scratchSocket()] as const;
  const endpoints = sockets
    .slice(0, guests)
    .flatMap((path, at) => [...['--socket-path', path], ...['--initiator-name', names[at] ?? '']]);
  const image = ['--blk-file', scratchImage(16 * MiB)];
  return { line: await ServerLine.serving([...endpoints, ...image, ...args]), sockets };
}

for (const device of ['blk', 'scsi']) {
  for (const layout of ['split', 'packed']) {
    it(`${rounds} takeovers, ${device}, ${layout} rings: all that was written is there`, async () => {
      const { line, sockets } = await serving(1, '--device', device);
      const done = new AbortController();
      const pauses: number[] = [];
      const take = async () => {
        for (let round = 0; round < rounds; round++) pauses.push(await line.takeOver());
      };
      const taking = take().finally(() => {
        done.abort();
      });
      const more = layout === 'packed' ? ['--packed'] : [];
      let [writes, checkedReads, errors] = [0, 0, 0];
      while (!done.signal.aborted) {
        const options = ['--depth', '32', '--queues', '2', '--read', '50', '--seconds', '3'];
        const result = await load(
          sockets[0],
          ...['--device', device, '--verify', '--warmup', '0', ...options, ...more],
        );
        writes += result.writes;
        checkedReads += result.checkedReads;
        errors += result.errors;
      }
      await taking;
      expect(errors).toBe(0);
      expect(checkedReads).toBeGreaterThan(0);
      console.log(
        `${device}, ${layout}: ${rounds} takeovers, ${writes} writes, ${checkedReads} checked reads, ` +
          `longest pause ${Math.max(...pauses)} ms`,
      );
    });
  }
}

it('guests keep their reservations, and nothing tells them of it', async () => {
  const { line, sockets } = await serving(2, '--device', 'scsi');
  const first = await Initiator.attached(sockets[0]);
  const second = await Initiator.attached(sockets[1]);
  const register = (newKey: bigint) =>
    persistentReserveOut({ action: 'registerAndIgnore', newKey });
  expect((await first.execute(register(1n))).status).toBe(good);
  expect(
    (await first.execute(persistentReserveOut({ action: 'reserve', key: 1n, type }))).status,
  ).toBe(good);
  expect((await first.execute(write10(0, 8, 0x11))).status).toBe(good);

  await line.takeOver();
  expect((await second.execute(write10(0, 8, 0x22))).status).toBe(conflict);
  const read = await first.execute(read10(0, 8));
  expect(read.status).toBe(good);
  expect(read.dataIn[0]).toBe(0x11);
  expect((await first.execute(write10(0, 8, 0x33))).status).toBe(good);
  expect(keysIn((await second.execute(readKeys())).dataIn)).toEqual([1n]);

  // So do mode pages: D_SENSE of the control page gives sense data another format.
  const { dataIn: sensed } = await first.execute({ cdb: '1a 08 0a 00 ff 00', dataIn: 255 });
  const dataOut = sensed.subarray(0, 16);
  dataOut.fill(0, 0, 4);
  dataOut.writeUInt8(dataOut.readUInt8(6) | 4, 6);
  const modeSelect = { cdb: '15 10 00 00 10 00', dataOut };
  expect((await first.execute(modeSelect)).status).toBe(good);
  await second.clearAttentions();
  await line.takeOver();
  const unknown = await first.execute({ cdb: 'ff 00 00 00 00 00' });
  expect([unknown.sense[0], senseText(unknown)]).toEqual([0x72, '5/20/0']);

  // What a guest has not been told of goes along, too.
  expect((await second.execute(register(2n))).status).toBe(good);
  const preempt = persistentReserveOut({ action: 'preempt', key: 2n, newKey: 1n, type });
  expect((await second.execute(preempt)).status).toBe(good);
  await line.takeOver();
  const told = await first.execute(write10(0, 8, 0x44));
  expect(senseText(told)).toBe('6/2a/5');
  expect((await first.execute(write10(0, 8, 0x44))).status).toBe(conflict);
});

it('systemd hears when a server is ready', async () => {
  const notify = new NotifySocket();
  await ServeProcess.serving({
    args: ['--socket-path', scratchSocket(), '--blk-file', scratchImage(MiB)],
    environment: { NOTIFY_SOCKET: notify.path },
  });
  expect(notify.receive()).toBe('READY=1');
});

it('the next process has the control socket, and systemd hears of it before the first ends', async () => {
  const { line } = await serving(1, '--device', 'scsi');
  const notify = new NotifySocket();
  const next = line.next({ NOTIFY_SOCKET: notify.path });
  await next.logged('serving');
  expect(notify.receive()).toBe(`MAINPID=${next.pid}\nREADY=1`);
  expect(await line.current.exit()).toBe(0);
  const control = await controlOf(line.controlPath);
  const { guests } = (await control.request('status', {})) as { guests: { connected: boolean }[] };
  expect(guests.length).toBe(1);
  await control.request('quit', {});
  expect(await next.exit()).toBe(0);
});

it('what a guest would see change is refused, and the first goes on', async () => {
  const { line, sockets } = await serving(1, '--device', 'scsi');
  const guest = await Initiator.attached(sockets[0]);
  const other = line.next({}, '--scsi-config');
  expect(await other.exit()).toBe(2);
  expect(other.log.at(-1)?.msg).toContain('scsiConfig');
  await line.current.logged('going on here');
  expect((await guest.execute(write10(0, 8, 0x11))).status).toBe(good);
  await line.takeOver();
  expect((await guest.execute(read10(0, 8))).dataIn[0]).toBe(0x11);
});

it('a front end that stops in the middle of a message holds up nobody else', async () => {
  const { line, sockets } = await serving(2, '--device', 'scsi');
  const guest = await Initiator.attached(sockets[0]);
  expect((await guest.execute(write10(0, 8, 0x11))).status).toBe(good);
  const hostile = await RawFrontEnd.connect(sockets[1]);
  await hostile.ask(Request.getFeatures);
  hostile.sendBytes(Buffer.from([Request.setOwner]));
  const first = line.current;
  await line.takeOver();
  expect((await guest.execute(read10(0, 8))).dataIn[0]).toBe(0x11);
  expect(first.log.map(({ msg }) => msg)).toContain(
    'front end disconnected: the front end sent only a part of a message, and no more',
  );
  const next = await RawFrontEnd.connect(sockets[1]);
  await next.ask(Request.getFeatures);
});
