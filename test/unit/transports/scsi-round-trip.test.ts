/** Reservation commands over SG_IO to an emulated disk, beside the same ones given to it directly. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PrCommand } from '../../../src/pr/command.js';
import { guestNexus } from '../../../src/pr/nexus.js';
import type { FullStatusDescriptor, PrOutcome } from '../../../src/pr/outcome.js';
import { encodePrInData } from '../../../src/scsi/persistent-reserve-in.js';
import { LaneFile } from '../../../src/transports/lane-file.js';
import { LaneTransport } from '../../../src/transports/lane-transport.js';
import { sgIoProtocol } from '../../../src/transports/sg-io-protocol.js';
import { alice, bob, sharedDisk } from '../scsi/support/disk.js';
import { FakeLane, soon } from './support/fake-lane.js';
import { emulatedDevice, type ScsiAnswer, type ScsiCall, scsiKernel } from './support/fake-scsi.js';
import { scsiNode } from './support/nodes.js';
import { smallCommands } from './support/small-commands.js';

function transportTo(device: (call: ScsiCall) => ScsiAnswer | Promise<ScsiAnswer>) {
  const lane = new FakeLane(scsiKernel(device));
  const transport = new LaneTransport('sdc', new LaneFile(lane, 7), sgIoProtocol(scsiNode));
  return { lane, transport };
}

/** Without what only a real device's answer has. */
function comparable(outcome: PrOutcome): unknown {
  if (outcome.status !== 'check-condition') return outcome;
  const { senseKey, asc, ascq } = outcome.sense;
  return { status: outcome.status, sense: { senseKey, asc, ascq } };
}

it('every command does over the wire what it does directly', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(alice, bob), smallCommands), { maxLength: 12 }),
      async (steps) => {
        const near = await sharedDisk();
        const far = await sharedDisk();
        for (const [nexus, command] of steps) {
          const { transport } = transportTo(emulatedDevice(far, nexus));
          const attention = near.reservations.unitAttentions(nexus).take();
          const expected: PrOutcome =
            attention === undefined
              ? await near.reservations.execute(nexus, command)
              : { status: 'check-condition', sense: attention };
          const outcome = await transport.execute(command, soon());
          expect(outcome.kind === 'answered' && comparable(outcome.outcome)).toEqual(
            comparable(expected),
          );
        }
      },
    ),
    { numRuns: 200 },
  );
});

/** A registrant with an initiator name of 200 characters. */
function registration(index: number): FullStatusDescriptor {
  const name = `iqn.2026-11.org.example:${index.toString().padStart(180, '0')}`;
  return {
    key: BigInt(index + 1),
    nexus: guestNexus(name),
    allTgPt: false,
    reservation: undefined,
  };
}

describe('lists that are longer than the first attempt has room for', () => {
  const read = async (command: PrCommand, device: (call: ScsiCall) => ScsiAnswer) => {
    const { lane, transport } = transportTo(device);
    const outcome = await transport.execute(command, soon());
    const allocations = lane.calls.map(({ argument }) => argument.readUInt32LE(12));
    return { outcome, allocations };
  };
  const registrations = Array.from({ length: 100 }, (_, index) => registration(index));
  const whole = encodePrInData({ action: 'read-full-status', generation: 9, registrations });

  it('are asked for again, and come whole', async () => {
    expect(whole.length).toBeGreaterThan(8192);
    const { outcome, allocations } = await read({ action: 'read-full-status' }, () => ({
      dataIn: whole,
    }));
    expect(allocations).toEqual([8192, 0xfffc]);
    expect(outcome).toMatchObject({ outcome: { data: { generation: 9, registrations } } });
  });

  it('are asked for again of a device that counts only what it had room for', async () => {
    const { outcome, allocations } = await read(
      { action: 'read-full-status' },
      ({ dataInLength }) => {
        const count = Math.min(100, Math.floor((dataInLength - 8) / (whole.length / 100)));
        const fitting = registrations.slice(0, count);
        return {
          dataIn: encodePrInData({
            action: 'read-full-status',
            generation: 9,
            registrations: fitting,
          }),
        };
      },
    );
    expect(allocations).toEqual([8192, 0xfffc]);
    expect(outcome).toMatchObject({ outcome: { data: { registrations } } });
  });

  it('that even the largest allocation cuts are no answer', async () => {
    const keys = Array.from({ length: 9000 }, (_, index) => BigInt(index));
    const dataIn = encodePrInData({ action: 'read-keys', generation: 1, keys });
    const { outcome } = await read({ action: 'read-keys' }, () => ({ dataIn }));
    expect(outcome).toMatchObject({ outcome: { sense: { senseKey: 4, asc: 0x44, ascq: 0 } } });
  });

  it('a device that returns less than it says gives no answer', async () => {
    const dataIn = encodePrInData({ action: 'read-keys', generation: 1, keys: [1n, 2n] });
    const { outcome } = await read({ action: 'read-keys' }, () => ({
      dataIn: dataIn.subarray(0, 16),
    }));
    expect(outcome).toMatchObject({ outcome: { sense: { senseKey: 4, asc: 0x44, ascq: 0 } } });
  });
});
