import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PrCommand } from '../../../src/pr/command.js';
import { busy, good, reservationConflict } from '../../../src/pr/outcome.js';
import { encodePrInData } from '../../../src/scsi/persistent-reserve-in.js';
import { LaneFile } from '../../../src/transports/lane-file.js';
import { LaneTransport } from '../../../src/transports/lane-transport.js';
import { PrHelperTransport } from '../../../src/transports/pr-helper-transport.js';
import { sgIoProtocol } from '../../../src/transports/sg-io-protocol.js';
import { bytes, groups } from '../scsi/support/bytes.js';
import { FakeConnection, helperReply } from './support/fake-helper.js';
import { errno, FakeLane, soon } from './support/fake-lane.js';
import { scsiKernel } from './support/fake-scsi.js';
import { scsiNode } from './support/nodes.js';

const fd = 42;
const features = Buffer.alloc(4);
const clear: PrCommand = { action: 'clear', prkey: 0xa1n };
const readKeys: PrCommand = { action: 'read-keys' };

/** @param connections handed out one after the other; then there is no helper any more */
function transportTo(...connections: (FakeConnection | Promise<FakeConnection>)[]) {
  const lane = new FakeLane(scsiKernel(() => ({})));
  const node = new LaneTransport('sdc', new LaneFile(lane, fd), sgIoProtocol(scsiNode));
  const connect = async () => {
    const next = connections.shift();
    if (next === undefined) throw errno('ECONNREFUSED');
    return await next;
  };
  return { lane, transport: new PrHelperTransport('sdc by pr-helper', connect, node, fd) };
}

/** A helper that greets and answers every command so. */
function helper(...replies: Buffer[]): FakeConnection {
  const connection = new FakeConnection();
  void (async () => {
    for (let at = 1; ; at++) {
      // The features, then a CDB and perhaps a parameter list.
      await connection.sentInAll(at);
      const last = connection.sent.at(-1);
      const isWhole = last?.fds.length === 0 ? at > 1 : last?.data.readUInt8(0) === 0x5e;
      if (!isWhole) continue;
      const reply = replies.shift();
      if (reply === undefined) return;
      connection.receive(reply);
    }
  })();
  return greeting(connection);
}

function greeting(connection: FakeConnection): FakeConnection {
  return onceStarted(connection, (started) => {
    started.receive(features);
  });
}

function onceStarted(
  connection: FakeConnection,
  action: (started: FakeConnection) => void,
): FakeConnection {
  const start = connection.start.bind(connection);
  connection.start = (handlers) => {
    start(handlers);
    action(connection);
  };
  return connection;
}

afterEach(() => {
  vi.useRealTimers();
});

it('says in the protocol what the command means, with the device once', async () => {
  const connection = helper(helperReply(0));
  const { transport } = transportTo(connection);
  expect(await transport.execute(clear, soon())).toEqual({ kind: 'answered', outcome: good });
  expect(connection.sent.map(({ data, fds }) => [groups(data), fds])).toEqual([
    ['00000000', []],
    [groups(bytes('5f 03 00 0000 00000018 00 000000000000')), [fd]],
    [groups(bytes(`00000000000000a1 ${'00'.repeat(16)}`)), []],
  ]);
});

it('reads what comes in pieces, and what is padded', async () => {
  const data = { action: 'read-keys', generation: 3, keys: [0xa1n] } as const;
  const payload = encodePrInData({ ...data, keys: [...data.keys] });
  const whole = helperReply(0, Buffer.concat([payload], 8192));
  const connection = greeting(new FakeConnection());
  const { transport } = transportTo(connection);
  const executing = transport.execute(readKeys, soon());
  await connection.sentInAll(2);
  for (const at of [0, 3, 104, 110, 4000]) {
    const ends = [3, 104, 110, 4000, whole.length];
    connection.receive(
      whole.subarray(
        at,
        ends.find((end) => end > at),
      ),
    );
  }
  expect(await executing).toEqual({ kind: 'answered', outcome: { status: 'good', data } });
  expect(groups(connection.sent[1]?.data ?? features)).toBe(
    groups(bytes('5e 00 0000000000 2000 00 000000000000')),
  );
});

it('a list that may have been cut to what the protocol allows is no answer', async () => {
  const keys = (count: number) => Array.from({ length: count }, (_, index) => BigInt(index));
  const answerTo = async (count: number) => {
    const data = encodePrInData({ action: 'read-keys', generation: 1, keys: keys(count) });
    const { transport } = transportTo(helper(helperReply(0, data.subarray(0, 8192))));
    return transport.execute(readKeys, soon());
  };
  expect(await answerTo(980)).toMatchObject({ outcome: { data: { keys: keys(980) } } });
  const failure = { outcome: { sense: { senseKey: 4, asc: 0x44, ascq: 0 } } };
  expect(await answerTo(1023)).toMatchObject(failure);
  expect(await answerTo(1024)).toMatchObject(failure);
});

it('one command after the other on one connection', async () => {
  const connection = helper(helperReply(0x18), helperReply(0));
  const { transport } = transportTo(connection);
  const outcomes = await Promise.all([
    transport.execute(clear, soon()),
    transport.execute(clear, soon()),
  ]);
  expect(outcomes).toEqual([
    { kind: 'answered', outcome: reservationConflict },
    { kind: 'answered', outcome: good },
  ]);
});

describe('answers', () => {
  const sense = (text: string) => {
    const [key = '', asc = '', ascq = ''] = text.split('/');
    return bytes(`70 00 0${key} 00000000 0a 00000000 ${asc}${ascq}`);
  };
  const answered = async (reply: Buffer) => {
    const { transport } = transportTo(helper(reply));
    return (await transport.execute(clear, soon())).kind;
  };

  it.each(['5/24/00', '5/26/04', '6/2a/05', '6/2a/03', '2/04/0a'])(
    '%s is the device’s',
    async (text) => {
      expect(await answered(helperReply(2, undefined, sense(text)))).toBe('answered');
    },
  );

  it.each(['b/08/00', 'b/00/06', '6/29/07', '6/29/00', '4/44/00', '3/11/00'])(
    '%s may be the helper’s own, and tells nothing',
    async (text) => {
      expect(await answered(helperReply(2, undefined, sense(text)))).toBe('unsettled');
    },
  );

  it('BUSY may be, too', async () => {
    expect(busy.status).toBe('busy');
    expect(await answered(helperReply(0x08))).toBe('unsettled');
  });
});

describe('the connection', () => {
  it('that can’t be had: not sent', async () => {
    const { transport } = transportTo();
    expect(await transport.execute(clear, soon())).toEqual({
      kind: 'not-sent',
      reason: 'no connection to the helper: ECONNREFUSED',
    });
  });

  it('that ends before the greeting: not sent', async () => {
    const connection = onceStarted(new FakeConnection(), (started) => {
      started.end('');
    });
    const { transport } = transportTo(connection);
    const executing = transport.execute(clear, soon());
    expect(await executing).toMatchObject({ kind: 'not-sent' });
  });

  it('that is lost between two commands is made again', async () => {
    const first = helper(helperReply(0));
    const { transport } = transportTo(first, helper(helperReply(0x18)));
    await transport.execute(clear, soon());
    first.end('reset');
    expect(await transport.execute(clear, soon())).toMatchObject({ outcome: reservationConflict });
  });

  it('that is lost under a command leaves it unsettled for ever, and is made again', async () => {
    const first = greeting(new FakeConnection());
    const { transport } = transportTo(first, helper(helperReply(0x18)));
    const executing = transport.execute(clear, soon());
    await first.sentInAll(3);
    first.receive(helperReply(0).subarray(0, 50));
    first.end('reset');
    const outcome = await executing;
    expect(outcome).toMatchObject({ kind: 'unsettled' });
    expect(await transport.execute(clear, soon())).toMatchObject({ outcome: reservationConflict });
    const returned = outcome.kind === 'unsettled' ? outcome.returned : Promise.resolve();
    expect(await Promise.race([returned, Promise.resolve('not yet')])).toBe('not yet');
  });

  it.each([
    ['a payload beyond the protocol', helperReply(0).fill(0xff, 4, 8)],
    ['more than was asked for', Buffer.concat([helperReply(0), Buffer.alloc(9000)])],
  ])('is ended over %s', async (_, reply) => {
    const connection = helper(reply);
    const { transport } = transportTo(connection);
    await transport.execute(clear, soon());
    expect(connection.isClosed).toBe(true);
  });
});

describe('the deadline', () => {
  it('passes before the greeting: not sent, and the same connection serves the next', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const connection = new FakeConnection();
    const { transport } = transportTo(connection);
    const executing = transport.execute(clear, performance.now() + 1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await executing).toMatchObject({ kind: 'not-sent' });
    connection.receive(features);
    const next = transport.execute(clear, performance.now() + 1000);
    await vi.advanceTimersByTimeAsync(0);
    connection.receive(helperReply(0));
    expect(await next).toEqual({ kind: 'answered', outcome: good });
  });

  it('passes under a command: unsettled until the reply, and nothing else is sent', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const connection = greeting(new FakeConnection());
    const { transport } = transportTo(connection);
    const executing = transport.execute(clear, performance.now() + 1000);
    await vi.advanceTimersByTimeAsync(1000);
    const outcome = await executing;
    if (outcome.kind !== 'unsettled') throw new Error(outcome.kind);
    expect(await transport.execute(readKeys, performance.now() + 1000)).toMatchObject({
      kind: 'not-sent',
    });
    expect(connection.sent.length).toBe(3);
    connection.receive(helperReply(0x18));
    expect(await outcome.returned).toEqual({ kind: 'answered', outcome: reservationConflict });
    const next = transport.execute(clear, performance.now() + 1000);
    await vi.advanceTimersByTimeAsync(0);
    connection.receive(helperReply(0));
    expect(await next).toEqual({ kind: 'answered', outcome: good });
  });
});

it('checks the path by the node itself', async () => {
  const { lane, transport } = transportTo();
  expect(await transport.probe(soon())).toEqual({ kind: 'answered', outcome: good });
  expect(await transport.identify(soon())).toBe('unknown');
  expect(lane.calls.length).toBe(2);
});

it('closes the connection and the node', async () => {
  const connection = helper(helperReply(0));
  const { lane, transport } = transportTo(connection);
  await transport.execute(clear, soon());
  await transport.close();
  expect([connection.isClosed, lane.closed]).toEqual([true, [fd]]);
  expect(await transport.execute(clear, soon())).toMatchObject({ kind: 'not-sent' });
});
