import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asScsi, type ScsiCompletion } from '../../../src/nvme/as-scsi.js';
import type { ServedHost } from '../../../src/nvme/served-host.js';
import { hostOfNexus } from '../../../src/nvme/host-identifier.js';
import type { NvmeReservationCommand } from '../../../src/nvme/reservation-command.js';
import { decodeReport } from '../../../src/nvme/reservation-report.js';
import { doNotRetry, statusMask } from '../../../src/nvme/status.js';
import { statusOf } from '../../../src/nvme/status-of-outcome.js';
import type { Nexus } from '../../../src/pr/nexus.js';
import { busy, checkCondition, taskSetFull } from '../../../src/pr/outcome.js';
import { reservationTypes } from '../../../src/pr/reservation.js';
import type { LogicalUnit } from '../../../src/scsi/logical-unit.js';
import { alice, bob, sharedDisk } from '../scsi/support/disk.js';
import { Namespace } from './support/namespace.js';

const a: ServedHost = { nexusId: alice.id, hostId: '11111111000000000000000000000001' };
const f: ServedHost = { nexusId: bob.id, hostId: 'ffffffff000000000000000000000001' };

async function run(
  command: NvmeReservationCommand,
  host: ServedHost,
  nexus: Nexus,
  { reservations }: LogicalUnit,
): Promise<ScsiCompletion> {
  const program = asScsi(command, host);
  let next = program.next();
  while (next.done !== true) {
    while (reservations.unitAttentions(nexus).take() !== undefined);
    next = program.next(await reservations.execute(nexus, next.value));
  }
  return next.value;
}

const report: NvmeReservationCommand = { command: 'report', extended: true, length: 4096 };
const registerKey = (newKey: bigint): NvmeReservationCommand => ({
  command: 'register',
  action: 'register',
  ignoreExistingKey: false,
  persistence: 'unchanged',
  currentKey: 0n,
  newKey,
});

const key = fc.constantFrom(0n, 0xa1n, 0xb2n);
const registeredKey = fc.constantFrom(0xa1n, 0xb2n);
const type = fc.constantFrom(...reservationTypes);
const commands: fc.Arbitrary<NvmeReservationCommand> = fc.oneof(
  fc.record({
    command: fc.constant('register' as const),
    action: fc.constantFrom('register' as const, 'unregister' as const, 'replace' as const),
    ignoreExistingKey: fc.boolean(),
    persistence: fc.constantFrom('unchanged' as const, 'clear' as const, 'set' as const),
    currentKey: key,
    newKey: registeredKey,
  }),
  fc.record({
    command: fc.constant('acquire' as const),
    action: fc.constantFrom('acquire' as const, 'preempt' as const, 'preempt-and-abort' as const),
    type,
    currentKey: key,
    preemptKey: key,
  }),
  fc.record({
    command: fc.constant('release' as const),
    action: fc.constant('release' as const),
    type,
    currentKey: registeredKey,
  }),
  fc.record({
    command: fc.constant('release' as const),
    action: fc.constant('clear' as const),
    type: fc.constant(undefined),
    currentKey: key,
  }),
  fc.constant(report),
);

/** What a host reads in a Report: of each host its key and whether it holds. */
function readable(data: Buffer, namesF: readonly string[]): unknown {
  if (data.length === 0) return undefined;
  const reading = decodeReport(data, true);
  if (reading.kind !== 'whole') return reading.kind;
  const { type, persistsThroughPowerLoss, registrants } = reading.report;
  const hosts = registrants.map(({ hostId, key, holdsReservation }) => ({
    host: namesF.includes(hostId) ? 'f' : hostId === a.hostId ? 'a' : hostId,
    key,
    holdsReservation,
  }));
  return { type, persistsThroughPowerLoss, hosts };
}

/** RELEASE of a registrant with another key, where nothing is reserved: SCSI targets let it pass. */
function passesInScsiOnly(command: NvmeReservationCommand, { type }: Namespace): boolean {
  return command.command === 'release' && command.action === 'release' && type === undefined;
}

it('is to hosts what a namespace of the specification is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('a' as const, 'f' as const), commands), {
        maxLength: 15,
      }),
      async (steps) => {
        const namespace = new Namespace();
        const unit = await sharedDisk();
        const seenByA = [hostOfNexus(bob)];
        const seenByF = [f.hostId];
        for (const [who, command] of steps) {
          const [host, nexus] = who === 'a' ? [a, alice] : [f, bob];
          if (passesInScsiOnly(command, namespace)) continue;
          const expected = namespace.run(host.hostId, command);
          const completion = await run(command, host, nexus, unit);
          const data = who === 'a' ? completion.data : asSeenByA(completion.data);
          expect([command, completion.status & statusMask]).toEqual([command, expected.status]);
          expect(readable(data, seenByA)).toEqual(readable(expected.data, seenByF));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

/** The same Report with the two hosts' names exchanged for those that host a is shown. */
function asSeenByA(data: Buffer): Buffer {
  const text = data
    .toString('hex')
    .replaceAll(f.hostId, hostOfNexus(bob))
    .replaceAll(hostOfNexus(alice), a.hostId);
  return Buffer.from(text, 'hex');
}

it('a Report is cut to the length asked for, and refused without EDS', async () => {
  const unit = await sharedDisk();
  await run(registerKey(0xa1n), a, alice, unit);
  const short = await run({ command: 'report', extended: true, length: 68 }, a, alice, unit);
  expect([short.status, short.data.length, short.data.readUInt16LE(5)]).toEqual([0, 68, 1]);
  const plain = await run({ command: 'report', extended: false, length: 4096 }, a, alice, unit);
  expect([plain.status, plain.data.length]).toEqual([0x18 | doNotRetry, 0]);
});

it('the host that asks is shown its own identifier', async () => {
  const unit = await sharedDisk();
  await run(registerKey(0xa1n), a, alice, unit);
  const { data } = await run(report, a, alice, unit);
  const reading = decodeReport(data, true);
  expect(reading).toMatchObject({
    report: { registrants: [{ hostId: a.hostId, key: 0xa1n, controllerId: 0xffff }] },
  });
});

it('a key of zero can’t be registered', async () => {
  const unit = await sharedDisk();
  const { status } = await run(registerKey(0n), a, alice, unit);
  expect(status).toBe(0x02 | doNotRetry);
});

describe('statuses', () => {
  const sense = (senseKey: number, asc: number, ascq = 0) =>
    checkCondition({ senseKey, asc, ascq });
  it.each([
    [{ status: 'good' } as const, 0x00],
    [{ status: 'reservation-conflict' } as const, 0x83 | doNotRetry],
    [busy, 0x82],
    [taskSetFull, 0x82],
    [sense(5, 0x20), 0x01 | doNotRetry],
    [sense(5, 0x24), 0x02 | doNotRetry],
    [sense(5, 0x26, 4), 0x02 | doNotRetry],
    [sense(5, 0x55, 4), 0x06],
    [sense(4, 0x44), 0x06],
    [sense(0xb, 0x08, 1), 0x06],
    [sense(6, 0x2a, 5), 0x82],
  ])('%o', (outcome, status) => {
    expect(statusOf(outcome)).toBe(status);
  });

  it('of a read that failed is that of the command', () => {
    const program = asScsi(report, a);
    expect(program.next().value).toEqual({ action: 'read-full-status' });
    expect(program.next(busy)).toMatchObject({ done: true, value: { status: 0x82 } });
  });
});
