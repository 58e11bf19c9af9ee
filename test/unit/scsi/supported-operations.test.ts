import { describe, expect, it } from 'vitest';
import { bytes, groups } from './support/bytes.js';
import { diskWith, fieldInError, send, verdict } from './support/disk.js';

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

function cdb(options: number, opcode = 0, serviceAction = 0, allocation = 0xffff): string {
  return `a3 0c ${hex(options, 2)} ${hex(opcode, 2)} ${hex(serviceAction, 4)} ${hex(allocation, 8)} 00 00`;
}

interface Descriptor {
  opcode: number;
  serviceAction: number;
  hasServiceAction: boolean;
  hasTimeouts: boolean;
  cdbLength: number;
}

/** Reads all_commands data as a host does. */
function readAll(data: Buffer): Descriptor[] {
  expect(data.readUInt32BE(0)).toBe(data.length - 4);
  const found: Descriptor[] = [];
  for (let at = 4; at < data.length;) {
    const flags = data.readUInt8(at + 5);
    const hasTimeouts = (flags & 2) === 2;
    found.push({
      opcode: data.readUInt8(at),
      serviceAction: data.readUInt16BE(at + 2),
      hasServiceAction: (flags & 1) === 1,
      hasTimeouts,
      cdbLength: data.readUInt16BE(at + 6),
    });
    if (hasTimeouts) expect(data.readUInt16BE(at + 8)).toBe(0x0a);
    at += hasTimeouts ? 20 : 8;
  }
  return found;
}

async function all(options = 0): Promise<Descriptor[]> {
  return readAll((await send(diskWith(), cdb(options))).dataIn);
}

it('lists every command of the disk, with timeouts where asked for', async () => {
  const commands = Array.from(diskWith().commands, ({ opcode, serviceAction, usage }) => ({
    opcode,
    serviceAction: serviceAction ?? 0,
    hasServiceAction: serviceAction !== undefined,
    cdbLength: usage.length,
  }));
  expect(await all()).toEqual(commands.map((command) => ({ ...command, hasTimeouts: false })));
  expect(await all(0x80)).toEqual(commands.map((command) => ({ ...command, hasTimeouts: true })));
});

// As iscsi-test-cu goes through them.
it('tells of each command alone by the option that fits it, and by no other', async () => {
  for (const { opcode, serviceAction, hasServiceAction, cdbLength } of await all()) {
    const [right, wrong] = hasServiceAction ? [2, 1] : [1, 2];
    for (const option of [right, 3]) {
      const { dataIn } = await send(diskWith(), cdb(option, opcode, serviceAction));
      expect([dataIn[1], dataIn.readUInt16BE(2), dataIn[4]]).toEqual([3, cdbLength, opcode]);
      expect(dataIn).toHaveLength(4 + cdbLength);
    }
    const refused = await send(diskWith(), cdb(wrong, opcode, serviceAction));
    expect([verdict(refused), fieldInError(refused)]).toEqual(['5/24/00', 'cdb 2 bit 2']);
  }
});

it('what is not there is not supported, whichever option asks', async () => {
  for (const [option, opcode, serviceAction] of [
    [1, 0x04, 0],
    [2, 0x04, 0],
    [3, 0x04, 0],
    [2, 0x5e, 0x04],
    [3, 0x5e, 0x1f],
    [3, 0x5f, 0x100],
    [2, 0x7f, 0x09],
  ] as const) {
    const { dataIn } = await send(diskWith(), cdb(option, opcode, serviceAction));
    expect(groups(dataIn)).toBe('00010000');
  }
});

it('reserved options are refused', async () => {
  for (const option of [4, 5, 6, 7]) {
    const answer = await send(diskWith(), cdb(option, 0x28));
    expect([verdict(answer), fieldInError(answer)]).toEqual(['5/24/00', 'cdb 2 bit 2']);
  }
});

describe('golden usage data', () => {
  it.each([
    ['READ(10)', cdb(1, 0x28), '28 f8 ffffffff 00 ffff 04'],
    ['PERSISTENT RESERVE OUT, PREEMPT', cdb(2, 0x5f, 4), '5f 04 ff 0000 ffffffff 04'],
    ['PERSISTENT RESERVE OUT, REGISTER', cdb(2, 0x5f, 0), '5f 00 00 0000 ffffffff 04'],
    ['PERSISTENT RESERVE IN, READ FULL STATUS', cdb(2, 0x5e, 3), '5e 03 0000000000 ffff 04'],
    ['READ CAPACITY(16)', cdb(2, 0x9e, 0x10), `9e 10 ${'00'.repeat(8)} ffffffff 00 04`],
  ])('%s', async (_, request, usage) => {
    const { dataIn } = await send(diskWith(), request);
    const expected = bytes(usage);
    expect(groups(dataIn)).toBe(groups(bytes(`00 03 ${hex(expected.length, 4)} ${usage}`)));
  });

  it('with timeouts', async () => {
    const { dataIn } = await send(diskWith(), cdb(0x81, 0x00));
    expect(groups(dataIn)).toBe(
      groups(bytes('00 83 0006 00 00 00 00 00 04  000a 00 00 00000000 00000000')),
    );
  });
});

it('is cut to the allocation length, its own length is not', async () => {
  const whole = (await send(diskWith(), cdb(0))).dataIn;
  for (const length of [0, 1, 4, 8, 100, 0xffffffff]) {
    const { dataIn } = await send(diskWith(), cdb(0, 0, 0, length));
    expect(groups(dataIn)).toBe(groups(whole.subarray(0, length)));
  }
});

describe('REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', () => {
  it.each([
    ['basic', 'a3 0d 00 000000 000000ff 00 00', 'dc 03 00 00'],
    ['extended', 'a3 0d 80 000000 000000ff 00 00', `dc 03 00 0c ${'00'.repeat(12)}`],
    ['cut', 'a3 0d 80 000000 00000001 00 00', 'dc'],
    ['cut to nothing', 'a3 0d 00 000000 00000000 00 00', ''],
  ])('%s', async (_, request, expected) => {
    const answer = await send(diskWith(), request);
    expect([verdict(answer), groups(answer.dataIn)]).toEqual(['good', groups(bytes(expected))]);
  });
});
