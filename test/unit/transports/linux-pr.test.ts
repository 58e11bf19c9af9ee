import { describe, expect, it } from 'vitest';
import type { PrCommand } from '../../../src/pr/command.js';
import { busy, good, reservationConflict } from '../../../src/pr/outcome.js';
import { reservationTypes } from '../../../src/pr/reservation.js';
import { LaneFile } from '../../../src/transports/lane-file.js';
import { LaneTransport } from '../../../src/transports/lane-transport.js';
import { linuxPrProtocol } from '../../../src/transports/linux-pr-protocol.js';
import type { PathNode } from '../../../src/transports/path-node.js';
import { bytes, groups } from '../scsi/support/bytes.js';
import { errno, FakeLane, type Kernel, soon } from './support/fake-lane.js';
import { scsiKernel, sgIo } from './support/fake-scsi.js';
import { nvmeNode, scsiNode } from './support/nodes.js';

function transportTo(kernel: Kernel, node: PathNode = scsiNode) {
  const lane = new FakeLane(kernel);
  const protocol = linuxPrProtocol(node, true, () => undefined);
  return { lane, transport: new LaneTransport('sdc by linux-pr', new LaneFile(lane, 7), protocol) };
}

const returns =
  (value: number): Kernel =>
  () =>
    value;
const fails =
  (code: string): Kernel =>
  () => {
    throw errno(code);
  };

async function execute(command: PrCommand, kernel: Kernel, node?: PathNode) {
  const { lane, transport } = transportTo(kernel, node);
  const outcome = await transport.execute(command, soon());
  const calls = lane.calls.map(({ request, argument }) => [request.toString(16), groups(argument)]);
  return { outcome, calls };
}

const wero = { scope: 'logical-unit', type: 'write-exclusive-registrants-only' } as const;
const flags = { aptpl: true, allTgPt: false };
const register = (prkey: bigint, serviceActionKey: bigint): PrCommand => ({
  action: 'register',
  prkey,
  serviceActionKey,
  specIPt: undefined,
  ...flags,
});
const ignoring = (serviceActionKey: bigint): PrCommand => ({
  action: 'register-and-ignore-existing-key',
  serviceActionKey,
  ...flags,
});
const clear: PrCommand = { action: 'clear', prkey: 0xa1n };

describe('the structures of <linux/pr.h>', () => {
  const key = (low: string) => `${low}00000000000000`;
  const cases: [PrCommand, string, string][] = [
    [register(0xa1n, 0xa2n), '401870c8', `${key('a1')} ${key('a2')} 00000000 00000000`],
    [ignoring(0xa2n), '401870c8', `${key('00')} ${key('a2')} 01000000 00000000`],
    [{ action: 'reserve', prkey: 0xa1n, ...wero }, '401070c9', `${key('a1')} 03000000 00000000`],
    [{ action: 'release', prkey: 0xa1n, ...wero }, '401070ca', `${key('a1')} 03000000 00000000`],
    [
      { action: 'preempt', prkey: 0xa1n, serviceActionKey: 0xf1n, ...wero },
      '401870cb',
      `${key('a1')} ${key('f1')} 03000000 00000000`,
    ],
    [
      { action: 'preempt-and-abort', prkey: 0xa1n, serviceActionKey: 0xf1n, ...wero },
      '401870cc',
      `${key('a1')} ${key('f1')} 03000000 00000000`,
    ],
    [clear, '401070cd', `${key('a1')} 00000000 00000000`],
  ];
  it.each(cases)('$action', async (command, request, argument) => {
    const { outcome, calls } = await execute(command, returns(0));
    expect(calls).toEqual([[request, groups(bytes(argument))]]);
    expect(outcome).toEqual({ kind: 'answered', outcome: good });
  });

  it.each(reservationTypes.map((type, index) => [type, index + 1] as const))(
    '%s is %i',
    async (type, code) => {
      const { lane, transport } = transportTo(returns(0));
      const command: PrCommand = { action: 'reserve', prkey: 1n, scope: 'logical-unit', type };
      await transport.execute(command, soon());
      expect(lane.calls[0]?.argument.readUInt32LE(8)).toBe(code);
    },
  );
});

describe('reading', () => {
  /** The kernel of 6.19, with a device of these keys. */
  function reading(keys: bigint[], reservation: { key: bigint; type: number }): Kernel {
    return ({ request, argument, buffer }) => {
      if (request === 0xc01070ce) {
        const room = argument.readUInt32LE(4);
        keys.slice(0, room).forEach((key, index) => buffer(8).writeBigUInt64LE(key, index * 8));
        argument.writeUInt32LE(9, 0);
        argument.writeUInt32LE(keys.length, 4);
      } else {
        expect(request).toBe(0x801070cf);
        argument.writeBigUInt64LE(reservation.key, 0);
        // sd leaves it zero where nothing is reserved.
        argument.writeUInt32LE(reservation.type === 0 ? 0 : 9, 8);
        argument.writeUInt32LE(reservation.type, 12);
      }
      return 0;
    };
  }

  it.each([0, 1, 512, 513, 2000])('%i keys', async (count) => {
    const keys = Array.from({ length: count }, (_, index) => BigInt(index + 1));
    const kernel = reading(keys, { key: 0n, type: 0 });
    const { outcome } = await execute({ action: 'read-keys' }, kernel);
    const data = { action: 'read-keys', generation: 9, keys };
    expect(outcome).toEqual({ kind: 'answered', outcome: { status: 'good', data } });
  });

  it('more keys than the kernel can show are no answer', async () => {
    const keys = Array.from({ length: 8191 }, () => 1n);
    const { outcome } = await execute({ action: 'read-keys' }, reading(keys, { key: 0n, type: 0 }));
    expect(outcome).toMatchObject({ outcome: { sense: { senseKey: 4, asc: 0x44 } } });
  });

  it('a reservation', async () => {
    const kernel = reading([], { key: 0xa1n, type: 3 });
    const { outcome } = await execute({ action: 'read-reservation' }, kernel);
    const reservation = { key: 0xa1n, ...wero };
    const data = { action: 'read-reservation', generation: 9, reservation };
    expect(outcome).toEqual({ kind: 'answered', outcome: { status: 'good', data } });
  });

  it('none, with the generation that the keys have', async () => {
    const kernel = reading([], { key: 0n, type: 0 });
    const { outcome } = await execute({ action: 'read-reservation' }, kernel);
    const data = { action: 'read-reservation', generation: 9, reservation: undefined };
    expect(outcome).toEqual({ kind: 'answered', outcome: { status: 'good', data } });
  });

  it('one of all registrants has no key', async () => {
    const kernel = reading([], { key: 0xa1n, type: 6 });
    const { outcome } = await execute({ action: 'read-reservation' }, kernel);
    expect(outcome).toMatchObject({ outcome: { data: { reservation: { key: 0n } } } });
  });

  it('on a kernel that has none of it was not sent', async () => {
    const { outcome } = await execute({ action: 'read-keys' }, fails('EINVAL'));
    expect(outcome).toEqual({ kind: 'not-sent', reason: '<linux/pr.h>: EINVAL' });
  });
});

describe('what the kernel returns', () => {
  it.each([
    ['RESERVATION CONFLICT', 0x18, reservationConflict],
    ['the same with a message byte, as up to 6.1', 0x118, reservationConflict],
    ['the same beside DID_NEXUS_FAILURE', 0x110018, reservationConflict],
    ['BUSY', 0x08, busy],
  ])('%s', async (_, value, outcome) => {
    expect((await execute(clear, returns(value))).outcome).toEqual({ kind: 'answered', outcome });
  });

  it.each([
    ['PR_STS_IOERR', 0x2],
    ['PR_STS_RETRY_PATH_FAILURE', 0xe0000],
    ['PR_STS_PATH_FAST_FAILED', 0xf0000],
    ['a conflict beside a time-out', 0x30018],
  ])('%s says nothing about execution', async (_, value) => {
    const { outcome } = await execute(clear, returns(value));
    expect(outcome.kind).toBe('unsettled');
  });

  it('PR_STS_PATH_FAILED says that it was not sent where the driver means that', async () => {
    expect((await execute(clear, returns(0x10000))).outcome.kind).toBe('not-sent');
    const other = { ...scsiNode, driver: 'lpfc' };
    expect((await execute(clear, returns(0x10000), other)).outcome.kind).toBe('unsettled');
    expect((await execute(clear, returns(0x10000), nvmeNode)).outcome.kind).toBe('unsettled');
  });

  it.each(['EPERM', 'EACCES', 'ENXIO', 'EOPNOTSUPP', 'EAGAIN'])('%s: not sent', async (code) => {
    expect((await execute(clear, fails(code))).outcome.kind).toBe('not-sent');
  });

  it('EINTR: unsettled', async () => {
    expect((await execute(clear, fails('EINTR'))).outcome.kind).toBe('unsettled');
  });

  const refusals: [PrCommand, number, number][] = [
    [{ action: 'release', prkey: 1n, ...wero }, 0x26, 0x04],
    [{ action: 'reserve', prkey: 1n, ...wero }, 0x24, 0x00],
    [register(1n, 2n), 0x26, 0x00],
  ];
  it.each(refusals)('EINVAL is the device’s: $action', async (command, asc, ascq) => {
    const { outcome } = await execute(command, fails('EINVAL'));
    expect(outcome).toMatchObject({ outcome: { sense: { senseKey: 5, asc, ascq } } });
  });
});

describe('what it can’t say is refused, and not sent', () => {
  const refusals: [string, PrCommand, number, PathNode?][] = [
    ['READ FULL STATUS', { action: 'read-full-status' }, 0x24],
    ['REPORT CAPABILITIES', { action: 'report-capabilities' }, 0x24],
    ['ALL_TG_PT', { ...register(0n, 1n), allTgPt: true } as PrCommand, 0x26],
    ['SPEC_I_PT', { ...register(0n, 1n), specIPt: [] } as PrCommand, 0x26],
    ['no scope', { action: 'reserve', prkey: 1n, scope: undefined, type: wero.type }, 0x24],
    ['no type', { action: 'release', prkey: 1n, scope: wero.scope, type: undefined }, 0x24],
    ['unregistering on NVMe', register(1n, 0n), 0x26, nvmeNode],
    ['the same whatever there is', ignoring(0n), 0x26, nvmeNode],
  ];
  it.each(refusals)('%s', async (_, command, asc, node) => {
    const { outcome, calls } = await execute(command, returns(0), node);
    expect(outcome).toMatchObject({ outcome: { sense: { senseKey: 5, asc, ascq: 0 } } });
    expect(calls).toEqual([]);
  });
});

describe('NVMe', () => {
  it('REGISTER AND IGNORE EXISTING KEY registers, and then replaces whatever there is', async () => {
    const answers = [0x18, 0];
    const { outcome, calls } = await execute(
      ignoring(0xa2n),
      () => answers.shift() ?? -1,
      nvmeNode,
    );
    expect(outcome).toEqual({ kind: 'answered', outcome: good });
    const replaced = 'a200000000000000 a200000000000000 01000000 00000000';
    expect(calls[1]).toEqual(['401870c8', groups(bytes(replaced))]);
  });

  it('SCSI takes the conflict for an answer', async () => {
    const { outcome, calls } = await execute(ignoring(0xa2n), returns(0x18));
    expect([outcome, calls.length]).toEqual([
      { kind: 'answered', outcome: reservationConflict },
      1,
    ]);
  });

  it('a conflict came through as NVMe has it up to 6.1', async () => {
    const { outcome } = await execute(clear, returns(0x4083), nvmeNode);
    expect(outcome).toEqual({ kind: 'answered', outcome: reservationConflict });
  });

  it('is asked for its identity, and for its reservation to see whether it is ready', async () => {
    const { lane, transport } = transportTo(({ buffer }) => {
      Buffer.from('0011223344556677', 'hex').copy(buffer(24), 120);
      return 0;
    }, nvmeNode);
    expect(await transport.probe(soon())).toEqual({ kind: 'answered', outcome: good });
    expect(await transport.identify(soon())).toBe('same');
    expect(lane.calls.map(({ request }) => request.toString(16))).toEqual(['801070cf', 'c0484e41']);
    const failing = transportTo(returns(0x10000), nvmeNode).transport;
    expect(await failing.probe(soon())).toMatchObject({ kind: 'unsettled' });
  });

  it('is asked for its identity for both on a kernel that reads no reservations', async () => {
    const lane = new FakeLane(returns(0));
    const protocol = linuxPrProtocol(nvmeNode, false, () => undefined);
    const transport = new LaneTransport('nvme0n1', new LaneFile(lane, 7), protocol);
    expect(await transport.probe(soon())).toEqual({ kind: 'answered', outcome: good });
    expect(lane.calls.map(({ request }) => request.toString(16))).toEqual(['c0484e41']);
  });
});

it('SCSI readiness and identity come by SG_IO, which lets those commands pass', async () => {
  const page = bytes('00 83 0014 01 03 0010 60014051234567890123456789012345');
  const { lane, transport } = transportTo(scsiKernel(() => ({ dataIn: page })));
  expect(await transport.probe(soon())).toEqual({ kind: 'answered', outcome: good });
  expect(await transport.identify(soon())).toBe('same');
  expect(lane.calls.map(({ request }) => request)).toEqual([sgIo, sgIo]);
});
