import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registrationsPreempted } from '../../../src/pr/sense.js';
import { persistentReserveIn } from '../../support/persistent-reservations.js';
import { disk, readOnlyDisk } from './support/fake-fds.js';
import { type FakeHost } from './support/host.js';
import type { JsonClient } from './support/json-client.js';
import { initiator, PrdSessions } from './support/prd-sessions.js';

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

describe('an attached client', () => {
  it('is held until the state is verified, and whenever the core says so', async () => {
    const handle = await prd.attach(client);
    const first = await client.notified('quiesce');
    expect(first).toMatchObject({ handle, id: 1 });
    const { epoch } = await client.notified('resume');
    host.gate?.close();
    const drained = host.gate?.drained(60_000);
    const { id } = await client.notified('quiesce');
    expect(await client.codeOf('quiesced', { handle, id })).toBeUndefined();
    expect(await drained).toBe(true);
    host.gate?.open();
    expect(await client.notified('resume')).toEqual({ handle, id, epoch });
    host.gate?.beginEpoch('another');
    host.gate?.close();
    host.gate?.open();
    expect(await client.notified('resume')).not.toMatchObject({ epoch });
  });

  it('gets the answer to open before it hears of the handle', async () => {
    const order: string[] = [];
    const { connection } = client;
    const send = connection.arrive.bind(connection);
    connection.arrive = (data, fds) => {
      order.push(data.toString().includes('"method"') ? 'notification' : 'answer');
      send(data, fds);
    };
    await prd.attach(client);
    await client.notified('resume');
    expect(order[0]).toBe('answer');
  });

  it('needs a descriptor that allows changes', async () => {
    expect(await client.codeOf('open', { attach: { initiator } }, readOnlyDisk)).toBe(-32006);
    expect(await client.codeOf('open', { attach: { initiator: 'me' } }, disk)).toBe(-32602);
  });

  it('is the only one to change anything', async () => {
    await prd.attach(client);
    const other = await prd.connect();
    const handle = await prd.open(other);
    expect(await other.codeOf('register', { handle, newKey: '0x1' })).toBe(-32008);
    expect(await other.codeOf('readKeys', { handle })).toBeUndefined();
    expect(await other.codeOf('open', { attach: { initiator } }, disk)).toBe(-32008);
    expect(await other.codeOf('quiesced', { handle, id: 1 })).toBe(-32010);
    expect(await other.codeOf('conflictMet', { handle })).toBe(-32010);
  });

  it('leaves its place in order', async () => {
    const handle = await prd.attach(client);
    await client.ask('close', { handle });
    const other = await prd.connect();
    expect(await other.codeOf('open', { attach: { initiator } }, disk)).toBeUndefined();
  });

  it('comes back after its connection was lost, and is held until told', async () => {
    await prd.open(await prd.connect());
    await prd.attach(client);
    client.connection.close();
    await prd.ended[0];
    client = await prd.connect();
    host.gate?.close();
    const drained = host.gate?.drained(60_000);
    expect(await drained).toBe(false);
    const handle = await prd.attach(client);
    const { id } = await client.notified('quiesce');
    const again = host.gate?.drained(60_000);
    await client.ask('quiesced', { handle, id });
    expect(await again).toBe(true);
    expect(client.notifications.map(({ method }) => method)).not.toContain('resume');
    host.gate?.open();
    await client.notified('resume');
  });

  it('keeps its place from others while its process lives', async () => {
    await prd.open(await prd.connect());
    const serving = await prd.connect(process.ppid);
    await prd.attach(serving);
    serving.connection.close();
    await prd.ended[2];
    expect(await client.codeOf('open', { attach: { initiator } }, disk)).toBe(-32008);
    const handle = await prd.open(client);
    expect(await client.codeOf('register', { handle, newKey: '0x1' })).toBe(-32008);
  });

  it('is replaced when its process is gone, by the same initiator while it is registered', async () => {
    await prd.open(await prd.connect());
    const serving = await prd.connect(2 ** 22 + 1);
    await prd.attach(serving);
    serving.connection.close();
    await prd.ended[2];
    host.isRegistered = true;
    const another = { attach: { initiator: 'iqn.2026-11.test:vm2' } };
    expect(await client.codeOf('open', another, disk)).toBe(-32008);
    expect(await client.codeOf('open', { attach: { initiator } }, disk)).toBeUndefined();
  });

  it('gets unit attentions as they come, and in their place nobody', async () => {
    const handle = await prd.attach(client);
    host.attention(registrationsPreempted);
    expect(await client.notified('unitAttention')).toEqual({
      handle,
      senseKey: 6,
      asc: 0x2a,
      ascq: 5,
    });
    const other = await prd.connect();
    const theirs = await prd.open(other);
    host.attention(registrationsPreempted);
    const cdb = persistentReserveIn('readKeys').cdb;
    expect(await other.ask('scsi', { handle: theirs, cdb })).toMatchObject({
      result: { status: 0 },
    });
  });

  it('tells of a conflict that its data met', async () => {
    const handle = await prd.attach(client);
    const met = new Promise<void>((resolve) => {
      if (host.gate !== undefined) host.gate.onConflict = resolve;
    });
    await client.ask('conflictMet', { handle });
    await met;
  });
});
