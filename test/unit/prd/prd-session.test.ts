import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registrationsPreempted } from '../../../src/pr/sense.js';
import { keysIn, persistentReserveIn } from '../../support/persistent-reservations.js';
import { registerAndIgnore, readKeys } from '../emulated/support/commands.js';
import { Gate } from '../emulated/support/gate.js';
import { disk, readOnlyDisk } from './support/fake-fds.js';
import { type FakeHost, foreign, ours } from './support/host.js';
import type { JsonClient } from './support/json-client.js';
import { PrdSessions } from './support/prd-sessions.js';

const registrantsOnly = 'write-exclusive-registrants-only';

let prd: PrdSessions;
let host: FakeHost;
let client: JsonClient;

beforeEach(async () => {
  prd = new PrdSessions();
  host = prd.host;
  client = await prd.connect();
});

afterEach(async () => {
  await prd.end();
});

describe('a connection', () => {
  it('begins with hello, in a version that both know', async () => {
    const stranger = prd.raw();
    expect(await stranger.codeOf('readKeys', { handle: 1 })).toBe(-32001);
    expect(await stranger.ask('hello', { version: 2 })).toMatchObject({
      error: { code: -32002, data: { version: 1 } },
    });
    expect(await stranger.codeOf('hello', { version: 1 })).toBeUndefined();
  });

  it.each([
    ['no JSON', '{', -32700],
    ['a number', '5', -32600],
    ['null', 'null', -32600],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"hello","params":{"version":1}}]', -32600],
    ['no version of JSON-RPC', '{"id":1,"method":"hello"}', -32600],
    ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"__proto__"}', -32601],
    ['no parameters', '{"jsonrpc":"2.0","id":1,"method":"reserve"}', -32602],
    ['a wrong key', reserveLine('"a1"'), -32602],
    ['a key that is too long', reserveLine('"0x11111111111111111"'), -32602],
    ['an unknown member', '{"jsonrpc":"2.0","id":1,"method":"clear","params":{"x":1}}', -32602],
    [
      'a handle that is none',
      '{"jsonrpc":"2.0","id":1,"method":"close","params":{"handle":7}}',
      -32007,
    ],
    ['half a byte', scsiLine('"5e000"'), -32602],
    ['a CDB of 33 bytes', scsiLine(`"${'00'.repeat(33)}"`), -32602],
  ])('goes on after %s', async (_, line, code) => {
    client.line(line);
    expect((await client.answer()).error?.code).toBe(code);
    expect(client.closed).toBe(false);
  });

  it('passes over empty lines and answers no notification', async () => {
    client.line('');
    client.line('{"jsonrpc":"2.0","method":"clear","params":{"handle":1,"key":"0x1"}}');
    expect(await client.codeOf('readKeys', { handle: 1 })).toBe(-32007);
  });

  it('ends with a line that is too long', async () => {
    client.line('x'.repeat(65_537));
    await client.until(() => client.closed);
    expect(host.log.join()).toContain('too long');
  });

  it('refuses more requests than may wait', async () => {
    const opened = new Gate<void>();
    host.beforeOpen = () => opened.passed;
    const opening = Array.from({ length: 32 }, () => client.ask('open', {}, disk));
    expect(await client.codeOf('readKeys', { handle: 1 })).toBe(-32009);
    opened.open();
    const codes = (await Promise.all(opening)).map(({ error }) => error?.code);
    expect(codes).toEqual(codes.map(() => undefined));
  });

  it('ends when its answers are not read', async () => {
    const server = client.connection.other;
    if (server === undefined) throw new Error('no server');
    server.stuckBytes = 5 * 2 ** 20;
    await client.ask('readKeys', { handle: 1 });
    await client.until(() => client.closed);
    expect(host.log.join()).toContain('does not read');
  });
});

describe('open', () => {
  it('tells what the descriptor leads to and what it allows', async () => {
    expect(await client.ask('open', {}, disk)).toMatchObject({
      result: { handle: 1, wwid: host.wwid, name: host.name, writable: true },
    });
    expect(await client.ask('open', {}, readOnlyDisk)).toMatchObject({
      result: { handle: 2, writable: false },
    });
    expect(host.opens).toBe(1);
  });

  it('needs a descriptor, of a device, of a whole logical unit', async () => {
    expect(await client.codeOf('open')).toBe(-32003);
    expect(await client.codeOf('open', {}, { refusal: 'no device' })).toBe(-32004);
    expect(await client.codeOf('open', {}, { ...disk, number: '253:1' })).toBe(-32005);
    host.beforeOpen = () => Promise.reject(new Error('no path'));
    expect(await client.codeOf('open', {}, disk)).toBe(-32005);
    expect(host.opens).toBe(0);
  });

  it('ends the connection for a descriptor that nobody takes', async () => {
    client.line('{"jsonrpc":"2.0","id":1,"method":"readKeys","params":{"handle":1}}', disk);
    await client.until(() => client.closed);
    expect(host.log.join()).toContain('no request takes');
  });

  it('ends the connection for two descriptors, and for a flood of them', async () => {
    const second = await prd.connect();
    client.line('{"jsonrpc":"2.0","id":1,"method":"open","params":{}}', disk, disk);
    second.line(
      '{"jsonrpc":"2.0","id":1,"method":"open","params":{}}',
      ...new Array<typeof disk>(250).fill(disk),
    );
    await client.until(() => client.closed);
    await second.until(() => second.closed);
  });

  it('takes the descriptors of requests that arrive together in their order', async () => {
    const line = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"open","params":{}}`;
    client.line(line(1), disk);
    client.line(line(2), readOnlyDisk);
    expect(await client.answer(1)).toMatchObject({ result: { writable: true } });
    expect(await client.answer(2)).toMatchObject({ result: { writable: false } });
  });

  it('allows so many handles, and more after some were closed', async () => {
    for (let count = 0; count < 64; count++) await prd.open(client);
    expect(await client.codeOf('open', {}, disk)).toBe(-32009);
    expect(await client.codeOf('close', { handle: 5 })).toBeUndefined();
    expect(await client.codeOf('readKeys', { handle: 5 })).toBe(-32007);
    expect(await client.codeOf('open', {}, disk)).toBeUndefined();
  });

  it('lets the logical unit go with the last handle', async () => {
    const handle = await prd.open(client);
    await client.ask('close', { handle });
    await expect.poll(() => host.reservations).toBeUndefined();
    await prd.open(client);
    expect(host.opens).toBe(2);
  });
});

describe('generic commands', () => {
  it('take a logical unit through all states', async () => {
    const handle = await prd.open(client);
    const good = { result: null };
    const type = registrantsOnly;
    const keys = { handle, key: '0xa1' };
    expect(await client.ask('register', { handle, newKey: '0xa1' })).toMatchObject(good);
    expect(await client.ask('reserve', { ...keys, type })).toMatchObject(good);
    expect(await client.ask('readReservation', { handle })).toMatchObject({
      result: { generation: 1, reservation: { key: '0xa1', type } },
    });
    await host.reservations?.execute(foreign, registerAndIgnore(0xb2n));
    expect(await client.ask('readKeys', { handle })).toMatchObject({
      result: { keys: ['0xa1', '0xb2'] },
    });
    const preempt = { ...keys, victimKey: '0xb2', type, abort: true };
    expect(await client.ask('preempt', preempt)).toMatchObject(good);
    expect(await client.ask('readFullStatus', { handle })).toMatchObject({
      result: { registrations: [{ key: '0xa1', nexus: ours.id, holds: type }] },
    });
    expect(await client.ask('release', { ...keys, type })).toMatchObject(good);
    const ignoring = { handle, newKey: '0xc3', ignoreKey: true };
    expect(await client.ask('register', ignoring)).toMatchObject(good);
    expect(await client.ask('clear', { handle, key: '0xc3' })).toMatchObject(good);
    expect(await client.ask('readKeys', { handle })).toMatchObject({ result: { keys: [] } });
    expect(await client.ask('reportCapabilities', { handle })).toMatchObject({
      result: { persistThroughPowerLoss: true },
    });
  });

  it('say exactly why they did nothing', async () => {
    const handle = await prd.open(client);
    const type = registrantsOnly;
    expect(await client.codeOf('reserve', { handle, key: '0x1', type })).toBe(-32020);
    await client.ask('register', { handle, newKey: '0x1' });
    const nobody = { handle, key: '0x1', victimKey: '0x0', type };
    expect(await client.ask('preempt', nobody)).toMatchObject({
      error: { code: -32021, data: { senseKey: 5, asc: 0x26, ascq: 0 } },
    });
  });

  it('change nothing by a read-only descriptor', async () => {
    const handle = await prd.open(client, readOnlyDisk);
    expect(await client.codeOf('register', { handle, newKey: '0x1' })).toBe(-32006);
    const cdb = '5f000000000000001800';
    const dataOut = '00'.repeat(24);
    expect(await client.codeOf('scsi', { handle, cdb, dataOut })).toBe(-32006);
    expect(await client.codeOf('readKeys', { handle })).toBeUndefined();
  });

  it('tell all who have it open that something changed', async () => {
    const other = await prd.connect();
    const theirs = await prd.open(other);
    const handle = await prd.open(client);
    await client.ask('register', { handle, newKey: '0x1' });
    expect(await other.notified('changed')).toEqual({ handle: theirs });
  });
});

describe('scsi', () => {
  it('carries status, sense and data', async () => {
    const handle = await prd.open(client);
    const list = `${'00'.repeat(8)}00000000000000a1${'00'.repeat(8)}`;
    const register = { handle, cdb: '5f000000000000001800', dataOut: list };
    expect(await client.ask('scsi', register)).toMatchObject({
      result: { status: 0, sense: '', dataIn: '' },
    });
    const read = await client.ask('scsi', { handle, cdb: persistentReserveIn('readKeys').cdb });
    const { dataIn } = read.result as { dataIn: string };
    expect(keysIn(Buffer.from(dataIn, 'hex'))).toEqual([0xa1n]);
    const conflict = { handle, cdb: '5f010500000000001800', dataOut: '00'.repeat(24) };
    expect(await client.ask('scsi', conflict)).toMatchObject({ result: { status: 0x18 } });
  });

  it.each([
    ['READ(10)', '28000000000000000100'],
    ['WRITE BUFFER', '3b020000000000020000'],
    ['INQUIRY', '120000006000'],
    ['SG_IO of a long CDB', '7f'.padEnd(64, '0')],
  ])('carries no %s', async (_, cdb) => {
    const handle = await prd.open(client);
    const { result } = await client.ask('scsi', { handle, cdb });
    const { status, sense } = result as { status: number; sense: string };
    expect(status).toBe(2);
    expect(sense.slice(4, 6) + sense.slice(24, 28)).toBe('052000');
  });

  it('gives a unit attention once', async () => {
    const handle = await prd.open(client);
    host.attention(registrationsPreempted);
    const cdb = persistentReserveIn('readKeys').cdb;
    expect(await client.ask('scsi', { handle, cdb })).toMatchObject({ result: { status: 2 } });
    expect(await client.ask('scsi', { handle, cdb })).toMatchObject({ result: { status: 0 } });
  });
});

it('closes what it used when its connection ends in the middle of a command', async () => {
  const handle = await prd.open(client);
  const slow = new Gate<void>();
  const unit = host.reservations;
  if (unit === undefined) throw new Error('not open');
  const execute = unit.execute.bind(unit);
  unit.execute = async (...args) => {
    await slow.passed;
    return execute(...args);
  };
  void client.ask('readKeys', { handle });
  await slow.reached;
  client.connection.close();
  await new Promise(setImmediate);
  expect(host.reservations).toBe(unit);
  slow.open();
  await Promise.all(prd.ended);
  expect(host.reservations).toBeUndefined();
  expect(await execute(ours, readKeys)).toMatchObject({ status: 'good' });
});

function reserveLine(key: string): string {
  return `{"jsonrpc":"2.0","id":1,"method":"reserve","params":{"handle":1,"type":"${registrantsOnly}","key":${key}}}`;
}

function scsiLine(cdb: string): string {
  return `{"jsonrpc":"2.0","id":1,"method":"scsi","params":{"handle":1,"cdb":${cdb}}}`;
}
