import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCommand,
  encodeCommand,
  type NvmeReservationCommand,
  reservationOpcodes,
} from '../../../src/nvme/reservation-command.js';
import { nvmeStatus } from '../../../src/nvme/status.js';
import { reservationTypes } from '../../../src/pr/reservation.js';
import { bytes } from '../scsi/support/bytes.js';

const key = fc.bigInt(0n, 2n ** 64n - 1n);
const type = fc.constantFrom(...reservationTypes);
const commands: fc.Arbitrary<NvmeReservationCommand> = fc.oneof(
  fc.record({
    command: fc.constant('register' as const),
    action: fc.constantFrom('register' as const, 'unregister' as const, 'replace' as const),
    ignoreExistingKey: fc.boolean(),
    persistence: fc.constantFrom('unchanged' as const, 'clear' as const, 'set' as const),
    currentKey: key,
    newKey: key,
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
    currentKey: key,
  }),
  fc.record({
    command: fc.constant('release' as const),
    action: fc.constant('clear' as const),
    type: fc.constant(undefined),
    currentKey: key,
  }),
  fc.record({
    command: fc.constant('report' as const),
    extended: fc.boolean(),
    length: fc.integer({ min: 1, max: 0x4000 }).map((words) => words * 4),
  }),
);

it('means what its bytes mean', () => {
  fc.assert(
    fc.property(commands, (command) => {
      expect(decodeCommand(encodeCommand(command))).toEqual({ value: command });
    }),
    { numRuns: 500 },
  );
});

describe('golden entries', () => {
  const cases: [string, NvmeReservationCommand, number, number, number, string][] = [
    [
      'register, set to persist',
      {
        command: 'register',
        action: 'register',
        ignoreExistingKey: false,
        persistence: 'set',
        currentKey: 0n,
        newKey: 0xa1n,
      },
      0x0d,
      0xc000_0000,
      0,
      '0000000000000000 a100000000000000',
    ],
    [
      'unregister whatever there is',
      {
        command: 'register',
        action: 'unregister',
        ignoreExistingKey: true,
        persistence: 'unchanged',
        currentKey: 0xa1n,
        newKey: 0n,
      },
      0x0d,
      0x0000_0009,
      0,
      'a100000000000000 0000000000000000',
    ],
    [
      'preempt and abort',
      {
        command: 'acquire',
        action: 'preempt-and-abort',
        type: 'write-exclusive-registrants-only',
        currentKey: 0xa1n,
        preemptKey: 0xf1n,
      },
      0x11,
      0x0000_0302,
      0,
      'a100000000000000 f100000000000000',
    ],
    [
      'release',
      {
        command: 'release',
        action: 'release',
        type: 'exclusive-access-all-registrants',
        currentKey: 0x0102030405060708n,
      },
      0x15,
      0x0000_0600,
      0,
      '0807060504030201',
    ],
    ['report', { command: 'report', extended: true, length: 4096 }, 0x0e, 1023, 1, ''],
  ];
  it.each(cases)('%s', (_, command, opcode, cdw10, cdw11, data) => {
    const entry = encodeCommand(command);
    expect([entry.opcode, entry.cdw10, entry.cdw11]).toEqual([opcode, cdw10, cdw11]);
    expect(entry.dataOut.toString('hex')).toBe(bytes(data).toString('hex'));
  });
});

describe('refused', () => {
  const { register, acquire, release } = reservationOpcodes;
  const cases: [string, number, number, number, number][] = [
    ['another command', 0x01, 0, 16, nvmeStatus.invalidOpcode],
    ['a reserved RREGA', register, 3, 16, nvmeStatus.invalidField],
    ['a reserved CPTPL', register, 0x4000_0000, 16, nvmeStatus.invalidField],
    ['half the keys of Register', register, 0, 8, nvmeStatus.invalidField],
    ['a reserved RACQA', acquire, 0x103, 16, nvmeStatus.invalidField],
    ['RTYPE 0', acquire, 0x000, 16, nvmeStatus.invalidField],
    ['RTYPE 7', acquire, 0x700, 16, nvmeStatus.invalidField],
    ['IEKEY in Acquire', acquire, 0x108, 16, nvmeStatus.invalidField],
    ['half the keys of Acquire', acquire, 0x100, 8, nvmeStatus.invalidField],
    ['a reserved RRELA', release, 0x102, 8, nvmeStatus.invalidField],
    ['no RTYPE in Release', release, 0x000, 8, nvmeStatus.invalidField],
    ['IEKEY in Release', release, 0x108, 8, nvmeStatus.invalidField],
    ['no key of Release', release, 0x100, 4, nvmeStatus.invalidField],
  ];
  it.each(cases)('%s', (_, opcode, cdw10, length, refusal) => {
    const entry = { opcode, cdw10, cdw11: 0, dataOut: Buffer.alloc(length) };
    expect(decodeCommand(entry)).toEqual({ refusal });
  });
});

it('decodes or refuses any entry, and asks for no more memory than there is', () => {
  const uint32 = fc.nat(0xffff_ffff);
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(reservationOpcodes)),
      uint32,
      uint32,
      fc.uint8Array({ maxLength: 20 }),
      (opcode, cdw10, cdw11, data) => {
        const { value, refusal } = decodeCommand({
          opcode,
          cdw10,
          cdw11,
          dataOut: Buffer.from(data),
        });
        expect(value === undefined).not.toBe(refusal === undefined);
        if (value?.command === 'report') expect(value.length).toBeLessThanOrEqual(0x10000);
      },
    ),
    { numRuns: 2000 },
  );
});
