import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registrationsPreempted } from '../../../src/pr/sense.js';
import { PassedFds } from '../../../src/fd-lines/passed-fds.js';
import { PrHelperSession } from '../../../src/prd/pr-helper-session.js';
import {
  keysIn,
  persistentReserveIn,
  persistentReserveOut,
  type PrOut,
  reservationIn,
} from '../../support/persistent-reservations.js';
import { Gate } from '../emulated/support/gate.js';
import { connectionPair, type FakeConnection } from './support/connections.js';
import { disk, FakeFds, readOnlyDisk } from './support/fake-fds.js';
import { FakeHost } from './support/host.js';
import { features, type Reply, request, takeReply } from './support/pr-helper-bytes.js';

let fds: FakeFds;
let host: FakeHost;
let ended: Promise<void>;
let qemu: Client;

/** QEMU's side of the socket. */
class Client {
  readonly connection: FakeConnection;
  closed = false;
  #bytes: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  constructor(connection: FakeConnection) {
    this.connection = connection;
    connection.start({
      onData: (data) => {
        this.#bytes = Buffer.concat([this.#bytes, data]);
        this.#wake();
      },
      onEnd: () => {
        this.closed = true;
        this.#wake();
      },
    });
  }

  /** Waits for so many bytes; undefined if the connection ends first. */
  async take(length: number): Promise<Buffer | undefined> {
    await this.#until(() => this.#bytes.length >= length);
    if (this.#bytes.length < length) return undefined;
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  async reply(): Promise<Reply | 'closed'> {
    await this.#until(() => takeReply(this.#bytes) !== undefined);
    const taken = takeReply(this.#bytes);
    if (taken === undefined) return 'closed';
    this.#bytes = taken.rest;
    return taken.reply;
  }

  send(data: Buffer, ...devices: Parameters<FakeFds['of']>[0][]): void {
    const own = devices.map((device) => fds.of(device));
    this.connection.send(data, own);
    // Its own copy is closed as soon as it is sent.
    for (const fd of own) fds.open.delete(fd);
  }

  async in(action: Parameters<typeof persistentReserveIn>[0], length?: number) {
    this.send(request(persistentReserveIn(action, length).cdb), disk);
    return this.reply();
  }

  async out(options: PrOut, device: Parameters<FakeFds['of']>[0] = disk) {
    const { cdb, dataOut } = persistentReserveOut(options);
    this.send(request(cdb, dataOut), device);
    return this.reply();
  }

  async #until(done: () => boolean): Promise<void> {
    while (!this.closed && !done()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

beforeEach(async () => {
  fds = new FakeFds();
  host = new FakeHost();
  qemu = await connect();
});

afterEach(async () => {
  qemu.connection.close();
  await ended;
  expect([...fds.open]).toEqual([]);
});

async function connect(units = host.units()): Promise<Client> {
  const [client, server] = connectionPair(fds);
  const passed = new PassedFds(fds.lane());
  const services = { units, log: host.peerLog(), examine: fds.examine };
  ended = new PrHelperSession(server, passed, services).run().then(() => passed.end());
  const qemu = new Client(client);
  expect(await qemu.take(4)).toEqual(features);
  qemu.send(features);
  return qemu;
}

const good = { status: 0, sense: '', payload: Buffer.alloc(0) };

describe('a qemu-pr-helper client', () => {
  it('registers, reserves, is shown both, and releases', async () => {
    expect(await qemu.out({ action: 'register', newKey: 0xa1n })).toEqual(good);
    expect(await qemu.out({ action: 'reserve', key: 0xa1n, type: 5 })).toEqual(good);
    const keys = await qemu.in('readKeys');
    const reservation = await qemu.in('readReservation');
    if (keys === 'closed' || reservation === 'closed') throw new Error('closed');
    expect(keysIn(keys.payload)).toEqual([0xa1n]);
    expect(reservationIn(reservation.payload)).toEqual({ key: 0xa1n, type: 5 });
    expect(await qemu.out({ action: 'release', key: 0xa1n, type: 5 })).toEqual(good);
  });

  it('is told of a conflict by its status', async () => {
    expect(await qemu.out({ action: 'reserve', key: 1n, type: 5 })).toEqual({
      ...good,
      status: 0x18,
    });
  });

  it('is shown the full status, cut to what it takes', async () => {
    await qemu.out({ action: 'register', newKey: 0xa1n });
    const whole = await qemu.in('readFullStatus');
    const cut = await qemu.in('readFullStatus', 20);
    if (whole === 'closed' || cut === 'closed') throw new Error('closed');
    expect(whole.payload.readUInt32BE(4)).toBe(whole.payload.length - 8);
    expect(cut.payload).toEqual(whole.payload.subarray(0, 20));
  });

  it.each([
    ['an unknown service action', '5f1f0000000000001800', '5/24/00'],
    ['RESERVE with a scope that does not exist', '5f011500000000001800', '5/24/00'],
    ['a list that is too short', '5f000000000000000800', '5/1a/00'],
    ['PERSISTENT RESERVE IN that does not exist', '5e090000000000001800', '5/24/00'],
  ])('is refused %s', async (_, cdb, sense) => {
    await qemu.out({ action: 'register', newKey: 0xa1n });
    const length = cdb.startsWith('5f') ? parseInt(cdb.slice(10, 18), 16) : 0;
    const list = Buffer.alloc(length);
    if (length >= 8) list.writeBigUInt64BE(0xa1n);
    qemu.send(request(cdb, list), disk);
    expect(await qemu.reply()).toEqual({ ...good, status: 2, sense });
  });

  it('may read with a read-only descriptor, and change nothing', async () => {
    qemu.send(request(persistentReserveIn('readKeys').cdb), readOnlyDisk);
    expect(await qemu.reply()).toMatchObject({ status: 0 });
    const refused = { ...good, status: 2, sense: '5/20/00' };
    expect(await qemu.out({ action: 'register', newKey: 1n }, readOnlyDisk)).toEqual(refused);
    expect(keysOf(await qemu.in('readKeys'))).toEqual([]);
  });

  it('is refused a device that is none, and one that is not the whole logical unit', async () => {
    const refused = { ...good, status: 2, sense: '5/20/00' };
    const refusal = { refusal: 'a partition' };
    expect(await qemu.out({ action: 'register', newKey: 1n }, refusal)).toEqual(refused);
    const partition = { ...disk, number: '253:1' };
    expect(await qemu.out({ action: 'register', newKey: 1n }, partition)).toEqual(refused);
    expect(host.opens).toBe(0);
  });

  it('is asked to come again where the logical unit cannot be opened now', async () => {
    host.beforeOpen = () => Promise.reject(new Error('no path'));
    const failed = { ...good, status: 2, sense: 'b/08/00' };
    expect(await qemu.out({ action: 'register', newKey: 1n })).toEqual(failed);
    host.beforeOpen = () => Promise.resolve();
    expect(await qemu.out({ action: 'register', newKey: 1n })).toEqual(good);
  });

  it('gets a unit attention once', async () => {
    await qemu.in('readKeys');
    host.attention(registrationsPreempted);
    expect(await qemu.in('readKeys')).toEqual({ ...good, status: 2, sense: '6/2a/05' });
    expect(await qemu.in('readKeys')).toMatchObject({ status: 0 });
  });

  it('keeps the logical unit open, and lets it go at its end', async () => {
    await qemu.in('readKeys');
    await qemu.in('readKeys');
    expect(host.opens).toBe(1);
    qemu.connection.close();
    await ended;
    expect(host.reservations).toBeUndefined();
  });

  it('leaves a logical unit watched on which the host is registered', async () => {
    await qemu.in('readKeys');
    host.isRegistered = true;
    qemu.connection.close();
    await ended;
    expect(host.reservations).toBeDefined();
  });

  it('loses nothing by going away while its command runs', async () => {
    const opened = new Gate<void>();
    host.beforeOpen = () => opened.passed;
    qemu.send(request(persistentReserveIn('readKeys').cdb), disk);
    await opened.reached;
    qemu.connection.close();
    opened.open();
    await ended;
    expect(host.reservations).toBeUndefined();
  });

  it.each([
    ['two descriptors', [disk, disk], readKeysBytes()],
    ['none', [], readKeysBytes()],
    ['a foreign command', [disk], request('2a0000000000000001')],
  ] as const)('is disconnected for %s', async (_, devices, data) => {
    qemu.send(data, ...devices);
    expect(await qemu.reply()).toBe('closed');
    await ended;
  });

  it('is answered while the close of its descriptor waits', async () => {
    const closed = new Gate<void>();
    fds.beforeClose = () => closed.passed;
    expect(await qemu.in('readKeys')).toMatchObject({ status: 0 });
    expect(fds.open.size).toBe(1);
    closed.open();
  });

  it('is disconnected when it floods', async () => {
    const opened = new Gate<void>();
    host.beforeOpen = () => opened.passed;
    for (let count = 0; count < 100; count++) qemu.send(readKeysBytes(), disk);
    expect(await qemu.reply()).toBe('closed');
    opened.open();
    await ended;
  });
});

function readKeysBytes(): Buffer {
  return request(persistentReserveIn('readKeys').cdb);
}

function keysOf(reply: Reply | 'closed'): bigint[] {
  if (reply === 'closed') throw new Error('the connection is closed');
  return keysIn(reply.payload);
}
