/** A hostile client of the qemu-pr-helper protocol: any bytes, cut anywhere, with any descriptors. */
import assert from 'node:assert/strict';
import { PassedFds } from '../../../../src/fd-lines/passed-fds.js';
import { PrHelperSession } from '../../../../src/prd/pr-helper-session.js';
import { connectionPair } from '../../../unit/prd/support/connections.js';
import { disk, FakeFds, readOnlyDisk } from '../../../unit/prd/support/fake-fds.js';
import { FakeHost } from '../../../unit/prd/support/host.js';
import { Input } from '../input.js';

export async function fuzz(bytes: Buffer): Promise<void> {
  const input = new Input(bytes);
  const fds = new FakeFds();
  const host = new FakeHost();
  const [client, server] = connectionPair(fds);
  const passed = new PassedFds(fds.lane());
  const services = { units: host.units(), log: host.peerLog(), examine: fds.examine };
  const ended = new PrHelperSession(server, passed, services).run().then(() => passed.end());
  let heard = 0;
  client.start({ onData: (data) => (heard += data.length), onEnd: () => undefined });
  if (input.flag()) client.send(Buffer.alloc(4));
  for (let count = 0; count < 32 && !input.empty; count++) {
    const own = Array.from({ length: input.byte() % 3 }, () =>
      fds.of(input.pick([disk, disk, readOnlyDisk, { refusal: 'not a disk' }])),
    );
    client.send(request(input), own);
    for (const fd of own) fds.open.delete(fd);
    const before = heard;
    if (input.flag()) for (let turn = 0; turn < 20 && heard === before; turn++) await nextTurn();
  }
  client.close();
  await ended;
  assert.deepEqual([...fds.open], [], 'all descriptors are closed');
}

function request(input: Input): Buffer {
  if (input.flag()) return input.bytes(input.byte());
  const cdb = Buffer.alloc(16);
  cdb.set([input.pick([0x5e, 0x5f]), input.byte() % 10, input.byte()]);
  const list = Buffer.alloc(24);
  if (cdb[0] === 0x5e) {
    cdb.writeUInt16BE(input.byte() << 4, 7);
    return cdb;
  }
  cdb.writeUInt32BE(list.length, 5);
  list.set([input.byte() % 4], 7);
  list.set([input.byte() % 4], 15);
  list.set([input.byte()], 20);
  return Buffer.concat([cdb, list]);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
