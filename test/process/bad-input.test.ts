/** What no proper initiator sends: each has its exact answer, and the ring goes on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { registrationCapacity } from '../../src/emulated/reservation-state.js';
import { successful } from '../support/command.js';
import { Initiator, type ScsiCommand, type ScsiResult, senseText } from '../support/initiator.js';
import {
  inActions,
  iscsiTransportId,
  keysIn,
  persistentReserveIn,
  persistentReserveOut,
  read10,
  readKeys,
  registerAndMove,
} from '../support/persistent-reservations.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const good = 0;
const taskSetFull = 0x28;
const badTarget = 3;
const preload = fileURLToPath(new URL('../support/block-event-loop.mjs', import.meta.url));

/** Commands that an attachment may have on their way to the control plane. */
const mailboxSlots = 128;

const testUnitReady: ScsiCommand = { cdb: '00 00 00 00 00 00' };
const inquiry: ScsiCommand = { cdb: '12 00 00 00 60 00', dataIn: 96 };

async function initiator(more: Partial<ConstructorParameters<typeof ServeProcess>[0]> = {}) {
  const socketPath = scratchSocket();
  const args = ['--device', 'scsi', '--socket-path', socketPath, '--blk-file', scratchImage(MiB)];
  const server = await ServeProcess.serving({ ...more, args });
  return { server, initiator: await Initiator.attached(socketPath) };
}

async function attached(): Promise<Initiator> {
  return (await initiator()).initiator;
}

/** `key/asc/ascq`, then the field in error of ILLEGAL REQUEST: `cdb 1.4`, `list 20`. */
function complaint(result: ScsiResult): string {
  if (result.response !== 0) return `response ${result.response}`;
  if (result.status !== 2) return `status ${result.status}`;
  const [flags = 0, high = 0, low = 0] = result.sense.subarray(15);
  if ((flags & 0x80) === 0) return senseText(result);
  const bit = (flags & 0x08) === 0 ? '' : `.${flags & 0x07}`;
  return `${senseText(result)} ${(flags & 0x40) === 0 ? 'list' : 'cdb'} ${(high << 8) | low}${bit}`;
}

async function expectServes(one: Initiator): Promise<void> {
  expect((await one.execute(read10(0, 8))).status).toBe(good);
  expect(complaint(await one.execute(testUnitReady))).toBe('status 0');
}

/** PERSISTENT RESERVE OUT with any list, of a length that the CDB may lie about. */
function prOut(action: number, list: Buffer, { length = list.length, type = 0 } = {}): ScsiCommand {
  const cdb = Buffer.alloc(10);
  cdb.set([0x5f, action, type]);
  cdb.writeUInt32BE(length, 5);
  return { cdb: cdb.toString('hex'), dataOut: list };
}

/** The 24 bytes of every list. */
function basicList({ key = 0n, newKey = 0n, flags = 0 } = {}): Buffer {
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(key, 0);
  list.writeBigUInt64BE(newKey, 8);
  list[20] = flags;
  return list;
}

/** REGISTER of key 1 with SPEC_I_PT: `said` is TRANSPORTID PARAMETER DATA LENGTH. */
function registerAlso(ids: Buffer, said = ids.length): ScsiCommand {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(said);
  return prOut(0, Buffer.concat([basicList({ newKey: 1n, flags: 0x08 }), length, ids]));
}

const listLengthError = '5/1a/0';

it('PERSISTENT RESERVE OUT: lists of other lengths than 24, and than the CDB says', async () => {
  const one = await attached();
  for (const action of [0, 1, 2, 3, 4, 5, 6]) {
    for (const length of [0, 1, 8, 23, 25, 28, 32, 4096, 8192]) {
      const result = await one.execute(prOut(action, Buffer.alloc(length)));
      expect(complaint(result), `action ${action}, ${length} bytes`).toBe(listLengthError);
    }
    for (const length of [25, 4096, 0x7fff_ffff, 0xffff_ffff]) {
      const result = await one.execute(prOut(action, basicList(), { length }));
      expect(complaint(result), `action ${action}, length ${length}`).toBe(listLengthError);
    }
  }
  // More than the mailbox takes is not looked at.
  const long = prOut(0, Buffer.alloc(65536));
  expect(complaint(await one.execute(long))).toBe(listLengthError);
  await expectServes(one);
});

it('SPEC_I_PT: lengths that don’t add up and TransportIDs that are none', async () => {
  const one = await attached();
  const id = iscsiTransportId('iqn.2026-11.test:other');
  const tooLong = Buffer.from(id);
  tooLong.writeUInt16BE(id.length, 2);
  const unterminated = Buffer.alloc(24, 'a');
  unterminated.set([5, 0, 0, 20]);
  const cases: [string, ScsiCommand, string][] = [
    ['no length', prOut(0, basicList({ newKey: 1n, flags: 0x08 })), listLengthError],
    ['less than said', registerAlso(id, id.length + 1), listLengthError],
    ['more than said', registerAlso(id, id.length - 1), listLengthError],
    ['far less than said', registerAlso(id, 0xffff_ffff), listLengthError],
    ['one that is cut off', registerAlso(id.subarray(0, 20)), '5/26/0 list 28'],
    ['one that claims more', registerAlso(tooLong), '5/26/0 list 28'],
    [
      'the second cut off',
      registerAlso(Buffer.concat([id, id.subarray(0, 8)])),
      `5/26/0 list ${28 + id.length}`,
    ],
    ['an unknown protocol', registerAlso(Buffer.alloc(24, 0x0e)), '5/26/0 list 28'],
    ['a name without end', registerAlso(unterminated), '5/26/0 list 28'],
    ['RESERVE', prOut(1, basicList({ flags: 0x08 })), '5/26/0 list 20.3'],
    ['REGISTER AND IGNORE', prOut(6, basicList({ flags: 0x08 })), '5/26/0 list 20.3'],
  ];
  for (const [what, command, expected] of cases) {
    expect(complaint(await one.execute(command)), what).toBe(expected);
  }
  expect(keysIn((await one.execute(readKeys())).dataIn)).toEqual([]);
  await expectServes(one);
});

it('REGISTER AND MOVE: lengths that don’t add up', async () => {
  const one = await attached();
  const id = iscsiTransportId('iqn.2026-11.test:other');
  const whole = registerAndMove(1n, 2n, id).dataOut ?? Buffer.alloc(0);
  const saying = (length: number) => {
    const list = Buffer.from(whole);
    list.writeUInt32BE(length, 20);
    return prOut(7, list);
  };
  expect(complaint(await one.execute(prOut(7, Buffer.alloc(23))))).toBe(listLengthError);
  expect(complaint(await one.execute(prOut(7, Buffer.alloc(24))))).toBe('5/26/0 list 20');
  for (const length of [0, id.length - 1, id.length + 1, 0xffff_ffff]) {
    expect(complaint(await one.execute(saying(length))), `${length}`).toBe(listLengthError);
  }
  const two = registerAndMove(1n, 2n, Buffer.concat([id, id]));
  expect(complaint(await one.execute(two))).toBe('5/26/0 list 24');
  await expectServes(one);
});

it('service actions, scopes and types that there are none of', async () => {
  const one = await attached();
  for (let action = 0; action < 32; action++) {
    const read = { cdb: `5e${action.toString(16).padStart(2, '0')}0000000000200000`, dataIn: 8192 };
    const inExpected = action <= 3 ? 'status 0' : '5/24/0 cdb 1.4';
    expect(complaint(await one.execute(read)), `in ${action}`).toBe(inExpected);
    if (action < 8) continue;
    expect(complaint(await one.execute(prOut(action, basicList())))).toBe('5/24/0 cdb 1.4');
  }
  await one.execute(persistentReserveOut({ action: 'registerAndIgnore', newKey: 1n }));
  for (const type of [0, 2, 4, 9, 10, 11, 12, 13, 14, 15, 0x11, 0x25, 0xf5]) {
    const command = persistentReserveOut({ action: 'reserve', key: 1n, type });
    expect(senseText(await one.execute(command)), `scope and type ${type}`).toBe('5/24/0');
  }
  await expectServes(one);
});

describe('allocation lengths', () => {
  const commands: [string, (allocation: number) => string, number][] = [
    ...Object.keys(inActions).map((action): [string, (allocation: number) => string, number] => [
      `PERSISTENT RESERVE IN ${action}`,
      (allocation) => persistentReserveIn(action as keyof typeof inActions, allocation).cdb,
      0xffff,
    ]),
    ['INQUIRY', (n) => `120000${hex(n, 2)}00`, 0xffff],
    ['INQUIRY, page 83h', (n) => `120183${hex(n, 2)}00`, 0xffff],
    ['REQUEST SENSE', (n) => `03000000${hex(n, 1)}00`, 0xff],
    ['MODE SENSE(6)', (n) => `1a003f00${hex(n, 1)}00`, 0xff],
    ['MODE SENSE(10)', (n) => `5a003f00000000${hex(n, 2)}00`, 0xffff],
    ['READ CAPACITY(16)', (n) => `9e10${hex(0, 8)}${hex(n, 4)}0000`, 0xffff_ffff],
    ['GET LBA STATUS', (n) => `9e12${hex(0, 8)}${hex(n, 4)}0000`, 0xffff_ffff],
    ['REPORT LUNS', (n) => `a00000000000${hex(n, 4)}0000`, 0xffff_ffff],
    ['REPORT SUPPORTED OPERATION CODES', (n) => `a30c00000000${hex(n, 4)}0000`, 0xffff_ffff],
    ['REPORT SUPPORTED TASK MANAGEMENT', (n) => `a30d00000000${hex(n, 4)}0000`, 0xffff_ffff],
  ];
  const room = 16_384;

  it('cut the data and nothing in it, with an exact residual', async () => {
    const one = await attached();
    await one.execute(persistentReserveOut({ action: 'registerAndIgnore', newKey: 1n }));
    for (const [name, cdb, huge] of commands) {
      const whole = await one.execute({ cdb: cdb(huge), dataIn: room });
      expect(complaint(whole), name).toBe('status 0');
      expect(whole.residual, name).toBe(room - whole.dataIn.length);
      expect(whole.dataIn.length, name).toBeGreaterThanOrEqual(4);
      for (const allocation of [0, 1, 8, whole.dataIn.length - 1, whole.dataIn.length + 1]) {
        const part = await one.execute({ cdb: cdb(allocation), dataIn: room });
        expect(complaint(part), `${name}, ${allocation}`).toBe('status 0');
        expect(part.dataIn, `${name}, ${allocation}`).toEqual(whole.dataIn.subarray(0, allocation));
        expect(part.residual, `${name}, ${allocation}`).toBe(room - part.dataIn.length);
      }
    }
    await expectServes(one);
  });

  it('a buffer smaller than that is an overrun', async () => {
    const one = await attached();
    const overrun = 1;
    const { response, dataIn } = await one.execute({ ...inquiry, dataIn: 36 });
    expect(response).toBe(overrun);
    expect(dataIn).toHaveLength(36);
    await expectServes(one);
  });
});

it('operation codes of the groups 3, 6 and 7', async () => {
  const one = await attached();
  for (const group of [3, 6, 7]) {
    for (let opcode = group << 5; opcode < (group + 1) << 5; opcode++) {
      const result = await one.execute({ cdb: hex(opcode, 1).padEnd(64, '0'), dataIn: 4096 });
      expect(complaint(result), hex(opcode, 1)).toBe('5/20/0');
      expect(result.residual).toBe(4096);
    }
  }
  await expectServes(one);
});

it('LUN fields of unknown forms, and of nobody', async () => {
  const one = await attached();
  const notSupported = '5/25/0';
  const cases: [string, string, string][] = [
    ['another target', '0105400000000000', `response ${badTarget}`],
    ['the form of no standard', '0001400000000000', `response ${badTarget}`],
    ['all ones', 'ffffffffffffffff', `response ${badTarget}`],
    ['an absent LUN', '0100400100000000', notSupported],
    ['the last LUN', '01007fff00000000', notSupported],
    ['a bus', '0100010000000000', notSupported],
    ['a logical unit of a device', '0100800100000000', notSupported],
    ['extended addressing', '0100c20000000000', notSupported],
    ['two levels', '0100400000010000', notSupported],
  ];
  for (const [what, lun, expected] of cases) {
    expect(complaint(await one.execute({ ...testUnitReady, lun })), what).toBe(expected);
    expect(complaint(await one.execute({ ...read10(0, 8), lun })), what).toBe(expected);
    if (expected !== notSupported) continue;
    // INQUIRY tells it in its data: no device of any type can be there.
    const { status, dataIn } = await one.execute({ ...inquiry, lun });
    expect([status, dataIn[0]], what).toEqual([good, 0x7f]);
  }
  await expectServes(one);
});

it('more commands than the mailbox holds: TASK SET FULL, and reads go on', async () => {
  const fifo = join(scratchFolder(), 'fifo');
  await successful('mkfifo', fifo);
  const { server, initiator: one } = await initiator({
    wrapper: ['env', `HOLDFAST_TEST_FIFO=${fifo}`],
    nodeArgs: ['--import', preload],
  });
  server.signal('SIGUSR2');
  await server.logged('event loop blocked');

  const surplus = 16;
  const sent = Array.from({ length: mailboxSlots + surplus }, () => one.execute(testUnitReady));
  const refused = await Promise.all(sent.slice(mailboxSlots));
  expect(refused.map(({ status }) => status)).toEqual(Array(surplus).fill(taskSetFull));
  expect((await one.execute(read10(0, 8))).status).toBe(good);

  writeFileSync(fifo, '');
  const served = await Promise.all(sent.slice(0, mailboxSlots));
  expect(served.map(({ status }) => status)).toEqual(Array(mailboxSlots).fill(good));
  await expectServes(one);
});

it('a full table of registrants: 5/55/04, and whoever is in it goes on', async () => {
  const one = await attached();
  const names = Array.from({ length: registrationCapacity }, (_, i) => `iqn.2026-11.test:n${i}`);
  const ids = names.map(iscsiTransportId);
  expect(complaint(await one.execute(registerAlso(Buffer.concat(ids))))).toBe('5/55/4');
  expect(keysIn((await one.execute(readKeys())).dataIn)).toEqual([]);

  expect(complaint(await one.execute(registerAlso(Buffer.concat(ids.slice(1)))))).toBe('status 0');
  expect(keysIn((await one.execute(readKeys())).dataIn)).toHaveLength(registrationCapacity);
  expect(complaint(await one.execute(prOut(0, basicList({ key: 1n, newKey: 2n }))))).toBe(
    'status 0',
  );
  const move = (name: string) => registerAndMove(2n, 3n, iscsiTransportId(name));
  const reserve = { action: 'reserve', key: 2n, type: 5 } as const;
  expect(complaint(await one.execute(persistentReserveOut(reserve)))).toBe('status 0');
  expect(complaint(await one.execute(move('iqn.2026-11.test:new')))).toBe('5/55/4');
  // All of them, although READ FULL STATUS has more to tell than an initiator asks for at first.
  const { dataIn } = await one.execute(persistentReserveIn('readFullStatus', 0xffff));
  expect(dataIn.length).toBe(8 + dataIn.readUInt32BE(4));
  expect(complaint(await one.execute(persistentReserveOut({ action: 'clear', key: 2n })))).toBe(
    'status 0',
  );
  await expectServes(one);
});

function hex(value: number, bytes: number): string {
  return value.toString(16).padStart(2 * bytes, '0');
}
