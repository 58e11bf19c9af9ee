/** Hostile clients of the daemon's own protocol: lines that are nearly right, and any others. */
import assert from 'node:assert/strict';
import { PassedFds } from '../../../../src/fd-lines/passed-fds.js';
import { PrdSession } from '../../../../src/prd/prd-session.js';
import { schemas } from '../../../../src/prd/protocol.js';
import { reservationTypes } from '../../../../src/pr/reservation.js';
import { connectionPair, type FakeConnection } from '../../../unit/prd/support/connections.js';
import { disk, FakeFds, readOnlyDisk } from '../../../unit/prd/support/fake-fds.js';
import { FakeHost } from '../../../unit/prd/support/host.js';
import { Input } from '../input.js';

const methods = Object.keys(schemas);
const keys = ['0x0', '0x1', '0x2', 'ffffffffffffffff', '0xg'] as const;
const types = [...reservationTypes, 'none'];
const cdbs = ['5e00', '5e03', '5f00', '5f01', '5f06', '0000'] as const;

export async function fuzz(bytes: Buffer): Promise<void> {
  const input = new Input(bytes);
  const fds = new FakeFds();
  const host = new FakeHost();
  const services = { units: host.units(), log: host.peerLog(), examine: fds.examine };
  const ends: Promise<void>[] = [];
  const clients = [1, 2].map((pid) => {
    const [client, server] = connectionPair(fds);
    server.peer.pid = pid;
    const passed = new PassedFds(fds.lane());
    ends.push(new PrdSession(server, passed, services).run().then(() => passed.end()));
    client.start({ onData: () => undefined, onEnd: () => undefined });
    return client;
  });
  if (input.flag()) for (const client of clients) say(client, fds, 'hello', { version: 1 });
  for (let count = 0; count < 32 && !input.empty; count++) {
    step(input, input.pick(clients), fds);
    if (input.flag()) await someTurns();
  }
  await someTurns();
  for (const client of clients) client.close();
  await Promise.all(ends);
  assert.deepEqual([...fds.open], [], 'all descriptors are closed');
}

/** Enough for a request and its answer. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function step(input: Input, client: FakeConnection, fds: FakeFds): void {
  if (input.byte() % 8 === 0) {
    client.send(input.bytes(input.byte()));
    return;
  }
  const devices = Array.from({ length: input.byte() % 3 }, () =>
    input.pick([disk, disk, readOnlyDisk, { refusal: 'not a disk' }]),
  );
  say(client, fds, input.pick(methods), params(input), ...devices);
}

function say(
  client: FakeConnection,
  fds: FakeFds,
  method: string,
  params: object,
  ...devices: Parameters<FakeFds['of']>[0][]
): void {
  const own = devices.map((device) => fds.of(device));
  client.send(Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })}\n`), own);
  for (const fd of own) fds.open.delete(fd);
}

/** Those that methods take, each there or not, and right or not. */
function params(input: Input): object {
  const values = {
    handle: () => input.byte() % 4,
    key: () => input.pick(keys),
    oldKey: () => input.pick(keys),
    newKey: () => input.pick(keys),
    victimKey: () => input.pick(keys),
    type: () => input.pick(types),
    aptpl: () => input.flag(),
    abort: () => input.flag(),
    ignoreKey: () => input.flag(),
    id: () => input.byte() % 4,
    version: () => input.byte() % 3,
    attach: () => ({ initiator: input.flag() ? 'iqn.2026-11.test:vm1' : input.text() }),
    cdb: () => input.pick(cdbs).padEnd(2 * (input.byte() % 34), '0'),
    dataOut: () => input.bytes(input.byte()).toString('hex'),
  };
  const which = input.byte() | (input.byte() << 8);
  return Object.fromEntries(
    Object.entries(values)
      .filter((_, index) => which & (1 << index))
      .map(([name, value]) => [name, value()]),
  );
}
