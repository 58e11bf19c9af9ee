/** SG_IO's answers, and what they say about whether the device executed the command. */
import { describe, expect, it } from 'vitest';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { busy, good, reservationConflict, taskSetFull } from '../../../src/pr/outcome.js';
import type { PathOutcome } from '../../../src/pr/transport.js';
import { LaneFile } from '../../../src/transports/lane-file.js';
import { LaneTransport } from '../../../src/transports/lane-transport.js';
import { sgIoProtocol } from '../../../src/transports/sg-io-protocol.js';
import { bytes } from '../scsi/support/bytes.js';
import { errno, FakeLane, type Kernel, soon } from './support/fake-lane.js';
import { type ScsiAnswer, scsiKernel } from './support/fake-scsi.js';
import { scsiNode } from './support/nodes.js';

const clear: PrOutCommand = { action: 'clear', prkey: 0xa1n };

function transportTo(kernel: Kernel, driver = scsiNode.driver) {
  const lane = new FakeLane(kernel);
  const protocol = sgIoProtocol({ ...scsiNode, driver });
  return { lane, transport: new LaneTransport('sdc by sg', new LaneFile(lane, 7), protocol) };
}

/** What CLEAR is answered by a device, or a host, that answers so. */
function cleared(answer: ScsiAnswer, driver?: string): Promise<PathOutcome> {
  const { transport } = transportTo(
    scsiKernel(() => answer),
    driver,
  );
  return transport.execute(clear, soon());
}

const sense = (hex: string) =>
  bytes(`70 00 ${hex.slice(0, 2)} 00000000 0a 00000000 ${hex.slice(3)}`);

it('asks for the tail of the queue, and has the kernel wait as long as for data', async () => {
  const { lane, transport } = transportTo(scsiKernel(() => ({})));
  await transport.execute(clear, soon());
  const header = lane.calls[0]?.argument ?? Buffer.alloc(0);
  expect([header.length, header.readUInt32LE(44), header.readUInt32LE(40)]).toEqual([
    88, 0x10, 30_000,
  ]);
});

describe("the device's answers", () => {
  it.each([
    ['GOOD', 0x00, good],
    ['RESERVATION CONFLICT', 0x18, reservationConflict],
    ['BUSY', 0x08, busy],
    ['TASK SET FULL', 0x28, taskSetFull],
  ])('%s', async (_, status, outcome) => {
    expect(await cleared({ status })).toEqual({ kind: 'answered', outcome });
  });

  it('sense data as it came', async () => {
    const raw = bytes('72 05 2600 00 00 00 08  02 06 0000 c0000d 00');
    expect(await cleared({ status: 0x02, sense: raw })).toEqual({
      kind: 'answered',
      outcome: {
        status: 'check-condition',
        sense: { senseKey: 5, asc: 0x26, ascq: 0, raw: new Uint8Array(raw) },
      },
    });
  });

  it('unit attentions, which are the fan-out’s to judge', async () => {
    expect(await cleared({ status: 0x02, sense: sense('06 2a05') })).toMatchObject({
      kind: 'answered',
      outcome: { sense: { senseKey: 6, asc: 0x2a, ascq: 5 } },
    });
  });

  it('RECOVERED ERROR, which is a success', async () => {
    const recovered = await cleared({ status: 0x02, sense: sense('01 5d00') });
    expect(recovered).toEqual({ kind: 'answered', outcome: good });
  });

  it('a status that comes with a host byte of its own', async () => {
    const conflict = await cleared({ status: 0x18, hostStatus: 0x11 });
    expect(conflict).toEqual({ kind: 'answered', outcome: reservationConflict });
  });
});

describe('says nothing about execution', () => {
  const answers: [string, ScsiAnswer, string?][] = [
    ['a time-out', { hostStatus: 0x03 }],
    ['a disrupted transport', { hostStatus: 0x0e }],
    ['a driver that cuts commands short with NO_CONNECT', { hostStatus: 0x01 }, 'qla2xxx'],
    ['an unknown driver', { hostStatus: 0x01 }, ''],
    ['a status beside a host error', { hostStatus: 0x07, status: 0x18 }],
    ['a driver that gave up', { driverStatus: 0x06 }],
    ['TASK ABORTED', { status: 0x40 }],
    ['a status that does not exist', { status: 0x7e }],
    ['CHECK CONDITION without sense data', { status: 0x02 }],
  ];
  it.each(answers)('%s', async (_, answer, driver) => {
    const outcome = await cleared(answer, driver);
    expect(outcome.kind).toBe('unsettled');
    // The call is back: nothing more will come of it.
    expect(outcome.kind === 'unsettled' && (await outcome.returned)).toBe(outcome);
  });

  it('a device that is removed under the command: SG_IO succeeds and has written nothing', async () => {
    const { transport } = transportTo(() => 0);
    expect(await transport.execute(clear, soon())).toMatchObject({
      kind: 'unsettled',
      reason: 'the device was removed',
    });
  });

  it.each(['EINTR', 'EFAULT', 'EIO'])('%s', async (code) => {
    const { transport } = transportTo(() => {
      throw errno(code);
    });
    expect(await transport.execute(clear, soon())).toMatchObject({ kind: 'unsettled' });
  });
});

describe('was never sent', () => {
  it.each([
    ['iscsi_tcp', 0x01],
    ['tcm_loopback', 0x0e],
  ])('%s says host status %i only of what it has not sent', async (driver, hostStatus) => {
    expect(await cleared({ hostStatus }, driver)).toMatchObject({ kind: 'not-sent' });
  });

  it.each(['ENXIO', 'ENODEV', 'EPERM', 'EACCES', 'ENOMEM'])('%s', async (code) => {
    const { transport } = transportTo(() => {
      throw errno(code);
    });
    expect(await transport.execute(clear, soon())).toEqual({
      kind: 'not-sent',
      reason: `SG_IO: ${code}`,
    });
  });
});

describe('NOT READY, OPERATION IN PROGRESS', () => {
  const notReady = { status: 0x02, sense: sense('02 0407') };

  it('is sent again until it is', async () => {
    const answers = [notReady, notReady, {}];
    const { lane, transport } = transportTo(scsiKernel(() => answers.shift() ?? {}));
    expect(await transport.execute(clear, soon())).toEqual({ kind: 'answered', outcome: good });
    expect(lane.calls.length).toBe(3);
  });

  it('is the answer in the end', async () => {
    const { lane, transport } = transportTo(scsiKernel(() => notReady));
    expect(await transport.execute(clear, soon())).toMatchObject({
      outcome: { sense: { senseKey: 2, asc: 4, ascq: 7 } },
    });
    expect(lane.calls.length).toBe(5);
  });

  it('is not sent again for another reason', async () => {
    const standby = { status: 0x02, sense: sense('02 040b') };
    const { lane, transport } = transportTo(scsiKernel(() => standby));
    await transport.execute(clear, soon());
    expect(lane.calls.length).toBe(1);
  });
});

describe('TEST UNIT READY', () => {
  it('is one, sent once', async () => {
    const cdbs: string[] = [];
    const { transport } = transportTo(
      scsiKernel(({ cdb }) => {
        cdbs.push(cdb.toString('hex'));
        return { status: 0x02, sense: sense('02 0407') };
      }),
    );
    expect(await transport.probe(soon())).toMatchObject({ outcome: { sense: { senseKey: 2 } } });
    expect(cdbs).toEqual(['000000000000']);
  });
});

describe('identity', () => {
  const page = (designator: string) => bytes(`00 83 0014 ${designator}`);
  const own = page('01 03 0010 60014051234567890123456789012345');

  it.each([
    ['the one it was opened for', { dataIn: own }, 'same'],
    ['another', { dataIn: page('01 03 0010 6001405aaaaaaaaaaaaaaaaaaaaaaaaa') }, 'other'],
    ['one that has no such page', { status: 0x02, sense: sense('05 2400') }, 'unknown'],
    ['one that names none', { dataIn: bytes('00 83 0000') }, 'unknown'],
    ['none', { hostStatus: 0x01 }, 'unknown'],
  ])('%s', async (_, answer: ScsiAnswer, identity) => {
    const { transport } = transportTo(scsiKernel(() => answer));
    expect(await transport.identify(soon())).toBe(identity);
  });
});

it('what could not be sent by the deadline was not sent', async () => {
  const { lane, transport } = transportTo(scsiKernel(() => ({})));
  expect(await transport.execute(clear, performance.now() - 1)).toMatchObject({ kind: 'not-sent' });
  expect(await transport.identify(performance.now() - 1)).toBe('unknown');
  expect(lane.calls).toEqual([]);
});
