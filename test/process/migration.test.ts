/** A guest moves between two servers of one image: two processes, never two writers. */
import { expect, it } from 'vitest';
import { controlOf } from '../support/control.js';
import { Initiator, senseText } from '../support/initiator.js';
import { heldByBoth, type LockTrace, lockTrace, traced } from '../support/lock-trace.js';
import {
  keysIn,
  persistentReserveOut,
  read10,
  readKeys,
  write10,
  writeExclusiveRegistrantsOnly as type,
} from '../support/persistent-reservations.js';
import { RawFrontEnd, Request } from '../support/raw-front-end.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const good = 0;
const conflict = 0x18;
const guestName = 'iqn.2026-11.test:moving';
const otherName = 'iqn.2026-11.test:host';

class Host {
  readonly socketPath = scratchSocket();
  readonly controlPath = scratchSocket();
  readonly server: ServeProcess;

  private constructor(image: string, more: string[], wrapper: string[]) {
    this.server = new ServeProcess({
      args: [
        ...['--socket-path', this.socketPath, '--initiator-name', guestName, '--device', 'scsi'],
        ...['--blk-file', image, '--control-socket', this.controlPath, ...more],
      ],
      wrapper,
    });
  }

  static async source(image: string, wrapper: string[] = [], ...more: string[]): Promise<Host> {
    const host = new Host(image, more, wrapper);
    await host.server.logged('serving');
    return host;
  }

  static async destination(
    image: string,
    wrapper: string[] = [],
    ...more: string[]
  ): Promise<Host> {
    const host = new Host(image, ['--incoming', ...more], wrapper);
    await host.server.logged('serving');
    return host;
  }

  /** The guest's front end, whose rings run from now on. */
  guest(): Promise<Initiator> {
    return Initiator.connect(this.socketPath);
  }

  /** How many lines the log has: what comes later is looked for from there. */
  get logged(): number {
    return this.server.log.length;
  }
}

const block = (value: number) => Buffer.alloc(8 * 512, value);

it('the destination waits until the guest has stopped at the source, and has all it wrote', async () => {
  const image = scratchImage(MiB);
  const source = await Host.source(image);
  const destination = await Host.destination(image);
  const there = await Initiator.attached(source.socketPath);
  expect((await there.execute(write10(0, 8, 0x11))).status).toBe(good);

  const here = await destination.guest();
  const read = here.execute(read10(0, 8));
  await destination.server.logged(`waiting for ${image}: process ${String(source.server.pid)}`);
  await there.migration('begin');
  expect((await there.execute(write10(0, 8, 0x22))).status).toBe(good);
  await there.migration('stop');
  // As QEMU does, which doesn't wait for the source to have let go of the disk.
  await there.leave();

  // Neither an error nor a unit attention: to the guest it is the disk that it had.
  const { status, dataIn } = await read;
  expect(status).toBe(good);
  expect(dataIn).toEqual(block(0x22));
  await source.server.logged('disks handed over');
  await destination.server.logged('disks taken over');
  expect((await here.execute(write10(0, 8, 0x33))).status).toBe(good);
});

it('the destination speaks to its front end while the guest runs at the source', async () => {
  const image = scratchImage(MiB);
  const source = await Host.source(image);
  const destination = await Host.destination(image);
  const there = await Initiator.attached(source.socketPath);
  const front = await RawFrontEnd.connect(destination.socketPath);
  expect(await front.ask(Request.getQueueNum)).toBeGreaterThan(0n);
  expect((await there.execute(write10(0, 8, 0x11))).status).toBe(good);
  expect(destination.server.log.filter(({ msg }) => msg.startsWith('waiting'))).toEqual([]);
});

it('a cancelled migration goes on at the source, and the next one succeeds', async () => {
  const image = scratchImage(MiB);
  const source = await Host.source(image);
  const destination = await Host.destination(image);
  const there = await Initiator.attached(source.socketPath);
  for (const value of [1, 2, 3]) {
    const from = source.logged;
    await there.migration('begin');
    await there.migration('stop');
    await source.server.logged('disks handed over', from);
    await there.migration('end');
    await there.migration('resume');
    expect((await there.execute(write10(0, 8, value))).status).toBe(good);
    await source.server.logged('disks taken over', from);
  }
  // One that the destination had already begun to take part in.
  const gone = await destination.guest();
  await destination.server.logged('waiting for');
  await gone.leave();
  await there.migration('begin');
  await there.migration('stop');
  const here = await destination.guest();
  expect((await here.execute(read10(0, 8))).dataIn).toEqual(block(3));
});

it('a guest that comes back while the destination runs waits, and nothing is lost', async () => {
  const image = scratchImage(MiB);
  const source = await Host.source(image);
  const destination = await Host.destination(image);
  const there = await Initiator.attached(source.socketPath);
  await there.migration('begin');
  await there.migration('stop');
  const here = await destination.guest();
  expect((await here.execute(write10(0, 8, 0x11))).status).toBe(good);
  await there.migration('end');
  await there.migration('resume');
  const read = there.execute(read10(0, 8));
  await source.server.logged(`waiting for ${image}: process ${String(destination.server.pid)}`);
  expect((await here.execute(write10(0, 8, 0x22))).status).toBe(good);
  await here.migration('begin');
  await here.migration('stop');
  expect((await read).dataIn).toEqual(block(0x22));
});

it('a source that is killed leaves the disk to the destination', async () => {
  const image = scratchImage(MiB);
  const source = await Host.source(image);
  const destination = await Host.destination(image);
  const here = await destination.guest();
  const read = here.execute(read10(0, 8));
  await destination.server.logged('waiting for');
  source.server.signal('SIGKILL');
  expect((await read).response).toBe(good);
});

it('a pause, and a connection that breaks, keep the disk where it is', async () => {
  const image = scratchImage(MiB);
  const source = await Host.source(image);
  const there = await Initiator.attached(source.socketPath);
  await there.migration('stop');
  await there.migration('resume');
  expect((await there.execute(write10(0, 8, 0x11))).status).toBe(good);
  await there.migration('begin');
  await there.leave();
  await source.server.logged('front end disconnected');
  const control = await controlOf(source.controlPath);
  expect(await control.request('status', {})).toMatchObject({ disks: [{ ours: true }] });
});

it('a guest that leaves while another of the server runs keeps the disk there', async () => {
  const image = scratchImage(MiB);
  const second = scratchSocket();
  const source = await Host.source(
    image,
    [],
    ...['--socket-path', second, '--initiator-name', otherName],
  );
  const destination = await Host.destination(image);
  const there = await Initiator.attached(source.socketPath);
  const other = await Initiator.attached(second);
  await there.migration('begin');
  await there.migration('stop');
  await source.server.logged(`the disks stay here for ${otherName}`);
  const here = await destination.guest();
  const read = here.execute(read10(0, 8));
  expect((await other.execute(write10(0, 8, 0x77))).status).toBe(good);
  await other.migration('begin');
  await other.migration('stop');
  expect((await read).dataIn).toEqual(block(0x77));
});

it('a reservation without APTPL still fences afterwards', async () => {
  const image = scratchImage(MiB);
  const source = await Host.source(image);
  const destination = await Host.destination(image);
  const there = await Initiator.attached(source.socketPath);
  const out = async (guest: Initiator, ...of: Parameters<typeof persistentReserveOut>) =>
    (await guest.execute(persistentReserveOut(...of))).status;
  expect(await out(there, { action: 'register', newKey: 1n })).toBe(good);
  expect(await out(there, { action: 'reserve', key: 1n, type })).toBe(good);

  const asHost = async (path: string, command: object) => {
    const control = await controlOf(path);
    return control.request('pr.execute', { initiator: otherName, command });
  };
  const register = { action: 'register', prkey: '0x0', serviceActionKey: '0x2', aptpl: false };
  expect(await asHost(source.controlPath, register)).toMatchObject({ status: 'good' });
  expect(await asHost(destination.controlPath, register)).toMatchObject({ status: 'busy' });

  await there.migration('begin');
  await there.migration('stop');
  const here = await destination.guest();
  expect(keysIn((await here.execute(readKeys())).dataIn)).toEqual([1n, 2n]);
  expect((await here.execute(write10(0, 8, 0x22))).status).toBe(good);
  const preempt = {
    ...{ action: 'preempt', prkey: '0x2', serviceActionKey: '0x1' },
    type: 'write-exclusive-registrants-only',
  };
  expect(await asHost(destination.controlPath, preempt)).toMatchObject({ status: 'good' });
  expect(senseText(await here.execute(write10(0, 8, 0x33)))).toBe('6/2a/5');
  expect((await here.execute(write10(0, 8, 0x33))).status).toBe(conflict);
  expect(await asHost(source.controlPath, register)).toMatchObject({ status: 'busy' });
});

it('a trace of lock and writes shows never two writers', async () => {
  const image = scratchImage(MiB);
  const traces = [scratchFolder(), scratchFolder()];
  const [sourceTrace = '', destinationTrace = ''] = traces;
  const sync = ['--io-engine', 'sync'];
  const hosts = {
    source: await Host.source(image, traced(sourceTrace), ...sync),
    destination: await Host.destination(image, traced(destinationTrace), ...sync),
  };
  let [from, to] = [hosts.source, hosts.destination];
  let guest = await Initiator.attached(from.socketPath);
  for (let round = 1; round <= 6; round++) {
    const incoming = await to.guest();
    await guest.migration('begin');
    expect((await guest.execute(write10(0, 8, round))).status).toBe(good);
    if (round % 3 === 0) {
      // Cancelled, by a destination that ends.
      await incoming.leave();
      await guest.migration('stop');
      await guest.migration('end');
      await guest.migration('resume');
    } else {
      await guest.migration('stop');
      await guest.leave();
      guest = incoming;
      [from, to] = [to, from];
    }
    expect((await guest.execute(read10(0, 8))).dataIn).toEqual(block(round));
    expect((await guest.execute(write10(8, 8, round))).status).toBe(good);
  }
  for (const { server } of Object.values(hosts)) {
    server.signal('SIGTERM');
    expect(await server.exit()).toBe(0);
  }
  const [one, other] = traces.map(lockTrace);
  if (one === undefined || other === undefined) throw new Error('no traces');
  for (const { held, writes } of [one, other]) {
    expect(held.length).toBeGreaterThan(1);
    expect(writes.length).toBeGreaterThan(1);
    const outside = writes.filter((at) => !held.some(({ from, until }) => from < at && at < until));
    expect(outside).toEqual([]);
  }
  // Whoever finds the other's lock takes its own back at once, and writes nothing in between.
  const writtenIn = ({ held, writes }: LockTrace) =>
    held.filter(({ from, until }) => writes.some((at) => from < at && at < until));
  expect(heldByBoth(writtenIn(one), writtenIn(other))).toEqual([]);
});
