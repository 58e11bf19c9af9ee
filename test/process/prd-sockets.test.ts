/** Both protocols of the reservation daemon over real sockets, with descriptors of real devices. */
import { closeSync, constants, openSync, readdirSync, statSync } from 'node:fs';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon, type NativeConnection } from '../../src/native/addon.js';
import { FdServer, type FdSession, type SessionServices } from '../../src/prd/fd-server.js';
import { examineFd } from '../../src/prd/passed-device.js';
import { PrdReservations } from '../../src/prd/prd-reservations.js';
import { PrdSession } from '../../src/prd/prd-session.js';
import { PrHelperSession } from '../../src/prd/pr-helper-session.js';
import type { PassedFds } from '../../src/fd-lines/passed-fds.js';
import { deviceNumber } from '../../src/util/device-number.js';
import { readKeys, register } from '../unit/emulated/support/commands.js';
import { textOf } from '../unit/emulated/support/outcome-text.js';
import { FakeHost, ours } from '../unit/prd/support/host.js';
import { features, request, takeReply } from '../unit/prd/support/pr-helper-bytes.js';
import { SimulatedGate } from '../unit/prd/support/simulated-gate.js';
import { within } from '../support/deadline.js';
import {
  keysIn,
  persistentReserveIn,
  persistentReserveOut,
} from '../support/persistent-reservations.js';
import { loopDevice } from '../support/scratch-device.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';

const patience = 20_000;
const addon = loadAddon();
const MiB = 2 ** 20;

let device: string;
let host: FakeHost;

beforeEach(async () => {
  device = await loopDevice(scratchImage(MiB));
  host = new FakeHost();
  host.map = deviceNumber(statSync(device).rdev);
});

type Session = new (
  connection: NativeConnection,
  fds: PassedFds,
  services: SessionServices,
) => FdSession;

/** @returns the socket's path */
function serve(Session: Session): string {
  const socketPath = scratchSocket();
  const services = { units: host.units(), log: host.peerLog() };
  const server = new FdServer({
    addon,
    endpoint: { socketPath, socketMode: 0o600 },
    log: services.log,
    session: (connection, fds) => new Session(connection, fds, services),
  });
  onTestFinished(() => server.close());
  return socketPath;
}

/** A descriptor of the device that the test closes. */
function opened(path = device, flags = constants.O_RDWR): number {
  const fd = openSync(path, flags);
  onTestFinished(() => {
    closeSync(fd);
  });
  return fd;
}

const openFds = () => readdirSync('/proc/self/fd').length;

/** A client that collects what comes. */
class Peer {
  readonly connection: NativeConnection;
  readonly ended: Promise<string>;
  bytes: Buffer = Buffer.alloc(0);
  #changed: () => void = () => undefined;

  private constructor(connection: NativeConnection) {
    this.connection = connection;
    this.ended = new Promise((resolve) => {
      connection.start({
        onData: (data) => {
          this.bytes = Buffer.concat([this.bytes, data]);
          this.#changed();
        },
        onEnd: resolve,
      });
    });
  }

  static async connect(path: string): Promise<Peer> {
    const connection = await addon.connectForFds(path);
    onTestFinished(() => {
      connection.close();
    });
    return new Peer(connection);
  }

  async has(length: number): Promise<void> {
    const come = new Promise<void>((resolve) => {
      this.#changed = () => {
        if (this.bytes.length >= length) resolve();
      };
      this.#changed();
    });
    await within(patience, `${length} bytes`, come);
  }

  async isEnded(): Promise<void> {
    await within(patience, 'the end', this.ended);
  }
}

describe('examineFd', () => {
  const block = (flags: number) => examineFd(opened(device, flags));

  it('knows how a block device was opened', () => {
    const found = { kind: 'block', number: host.map };
    expect(block(constants.O_RDWR)).toEqual({ ...found, writable: true });
    expect(block(constants.O_WRONLY)).toEqual({ ...found, writable: true });
    expect(block(constants.O_RDONLY)).toEqual({ ...found, writable: false });
  });

  it('takes O_PATH for nothing, which needs no permission', () => {
    const O_PATH = 0o10000000;
    expect(block(O_PATH)).toMatchObject({ refusal: expect.stringContaining('O_PATH') as string });
  });

  it.each(['/dev/null', '/dev/zero', '/proc/self/status', '/tmp'])('refuses %s', (path) => {
    expect(examineFd(opened(path, constants.O_RDONLY))).toHaveProperty('refusal');
  });

  it('refuses a number that is no descriptor', () => {
    expect(examineFd(1_000_000)).toHaveProperty('refusal');
  });
});

describe('the qemu-pr-helper socket', () => {
  async function client(): Promise<Peer> {
    const peer = await Peer.connect(serve(PrHelperSession));
    await peer.has(4);
    peer.bytes = Buffer.alloc(0);
    peer.connection.send(features);
    return peer;
  }

  async function reply(peer: Peer) {
    await peer.has(104);
    const taken = takeReply(peer.bytes);
    if (taken === undefined) throw new Error('no whole reply');
    peer.bytes = taken.rest;
    return taken.reply;
  }

  it('registers by the descriptor of a device', async () => {
    const peer = await client();
    const fd = opened();
    const { cdb, dataOut } = persistentReserveOut({ action: 'register', newKey: 0xa1n });
    // As QEMU does: the list comes by itself.
    peer.connection.send(request(cdb), [fd]);
    peer.connection.send(dataOut ?? Buffer.alloc(0));
    expect(await reply(peer)).toMatchObject({ status: 0 });
    peer.connection.send(request(persistentReserveIn('readKeys').cdb), [fd]);
    expect(keysIn((await reply(peer)).payload)).toEqual([0xa1n]);
  });

  it('refuses to change anything by a read-only descriptor', async () => {
    const peer = await client();
    const { cdb, dataOut } = persistentReserveOut({ action: 'register', newKey: 1n });
    peer.connection.send(request(cdb, dataOut), [opened(device, constants.O_RDONLY)]);
    expect(await reply(peer)).toMatchObject({ status: 2, sense: '5/20/00' });
  });

  it('keeps no descriptor, whatever a client does', async () => {
    const path = serve(PrHelperSession);
    const fd = opened();
    const readKeysBytes = request(persistentReserveIn('readKeys').cdb);
    const before = openFds();
    const misdeeds: ((peer: Peer) => void)[] = [
      ({ connection }) => {
        connection.send(Buffer.concat([features, readKeysBytes]), [fd, fd]);
      },
      ({ connection }) => {
        connection.send(features, [fd]);
      },
      ({ connection }) => {
        connection.send(Buffer.concat([features, readKeysBytes]));
      },
      ({ connection }) => {
        connection.send(Buffer.concat([features, readKeysBytes.subarray(0, 9)]), [fd]);
        connection.close();
      },
      ({ connection }) => {
        connection.send(Buffer.concat([features, request('12')]), [fd]);
      },
      ({ connection }) => {
        connection.send(features);
        for (let count = 0; count < 50; count++)
          connection.send(readKeysBytes.subarray(0, 15), [fd]);
      },
    ];
    for (let round = 0; round < 20; round++) {
      for (const misdeed of misdeeds) {
        const peer = await Peer.connect(path);
        misdeed(peer);
        await peer.isEnded();
      }
    }
    await expect.poll(openFds).toBe(before);
  });

  it('refuses the connection that is one too many, and takes it when another has gone', async () => {
    const path = serve(PrHelperSession);
    const peers: Peer[] = [];
    for (let count = 0; count < 128; count++) {
      const peer = await Peer.connect(path);
      await peer.has(4);
      peers.push(peer);
    }
    await (await Peer.connect(path)).isEnded();
    peers[0]?.connection.close();
    await expect
      .poll(async () => {
        const next = await Peer.connect(path);
        return Promise.race([next.has(4).then(() => 'served'), next.ended.then(() => 'ended')]);
      })
      .toBe('served');
  });
});

describe("the daemon's own socket", () => {
  it('serves a guest by the descriptor of its device', async () => {
    const gate = new SimulatedGate();
    const fd = opened();
    const before = openFds();
    const socketPath = serve(PrdSession);
    const reservations = await PrdReservations.open({
      addon,
      socketPath,
      fd,
      initiator: 'iqn.2026-11.test:vm1',
      gate,
      onAttention: () => undefined,
      onChange: () => undefined,
      onReach: () => undefined,
    });
    await expect.poll(() => gate.isOpen).toBe(true);
    expect(textOf(await reservations.execute(ours, register(0n, 7n)))).toBe('good');
    expect(await reservations.execute(ours, readKeys)).toMatchObject({
      data: { keys: [7n] },
    });
    await reservations.close();
    expect(gate.isOpen).toBe(false);
    // The listener's own.
    await expect.poll(openFds).toBe(before + 1);
  });

  it('says in plain words that nobody listens', async () => {
    const opening = PrdReservations.open({
      addon,
      socketPath: '/nonexistent/prd.sock',
      fd: opened(),
      initiator: 'iqn.2026-11.test:vm1',
      gate: new SimulatedGate(),
      onAttention: () => undefined,
      onChange: () => undefined,
      onReach: () => undefined,
    });
    await expect(opening).rejects.toThrow(
      /reservation daemon \/nonexistent\/prd.sock: .*No such file/,
    );
  });

  it('keeps no descriptor of a flood', async () => {
    const path = serve(PrdSession);
    const fd = opened();
    const before = openFds();
    for (let round = 0; round < 50; round++) {
      const peer = await Peer.connect(path);
      const line = '{"jsonrpc":"2.0","id":1,"method":"hello","params":{"version":1}}\n';
      peer.connection.send(Buffer.from(line), new Array<number>(round % 16).fill(fd));
      if (round % 16 === 0) peer.connection.close();
      await peer.isEnded();
    }
    await expect.poll(openFds).toBe(before);
  });
});
