import { describe, expect, it } from 'vitest';
import { accessOf } from '../../../src/scsi/command.js';
import { Cdb } from '../../../src/scsi/cdb.js';
import { commandTable } from '../../../src/scsi/command-table.js';
import { nativeService } from '../../../src/scsi/native-service.js';
import { allActions, diskWith, plainMedium } from './support/disk.js';

/** CDB lengths of the groups, by the upper three bits of the operation code (SPC-4 §4.2.5.1). */
const groupLengths = [6, 10, 10, undefined, 16, 12, undefined, undefined];

describe.each(commandTable)('$name', ({ opcode, serviceAction, usage }) => {
  it('has the length of its group', () => {
    expect(usage).toHaveLength(groupLengths[opcode >> 5] ?? -1);
  });

  it('begins with its operation code, and holds its service action', () => {
    expect(usage[0]).toBe(opcode);
    if (serviceAction !== undefined) expect((usage[1] ?? 0) & 0x1f).toBe(serviceAction);
  });

  it('looks at NACA', () => {
    expect(usage.at(-1)).toBe(0x04);
  });
});

it('is in ascending order without duplicates', () => {
  const keys = commandTable.map(({ opcode, serviceAction }) => opcode * 256 + (serviceAction ?? 0));
  expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b));
});

it('an operation code has service actions in all of its rows or in none', () => {
  for (const { opcode, serviceAction } of commandTable) {
    const others = commandTable.filter((other) => other.opcode === opcode);
    const having = others.filter((other) => other.serviceAction !== undefined);
    expect(having).toHaveLength(serviceAction === undefined ? 0 : others.length);
    if (serviceAction === undefined) expect(others).toHaveLength(1);
  }
});

// facts: SPC-4 table 65 and SBC-3 table 13, command by command.
describe('access', () => {
  const expected: Record<string, string[]> = {
    'never-conflicts': ['00', '03', '12', '1b 00 00 00 01', '1e 00 00 00 00', '25', '9e 10', 'a0'],
    reads: [
      '08',
      '1a',
      '28',
      '2f',
      '34',
      '5a',
      '88',
      '8f',
      '90',
      '9e 12',
      'a3 0c',
      'a3 0d',
      'a8',
      'af',
    ],
    writes: [
      '0a',
      '15',
      '1b 00 00 00 00',
      '1b 00 00 00 31',
      '1d',
      '1e 00 00 00 01',
      '2a',
      '2e',
      '35',
      '41',
      '42',
      '55',
      '89',
      '8a',
      '8e',
      '91',
      '93',
      'aa',
      'ae',
    ],
    'reservation-command': [
      '16',
      '17',
      ...['00', '01', '02', '03'].map((action) => `5e ${action}`),
      ...['00', '01', '02', '03', '04', '05', '06', '07', '08'].map((action) => `5f ${action}`),
    ],
  };
  const rows = Object.entries(expected).flatMap(([access, cdbs]) =>
    cdbs.map((cdb) => [cdb, access] as const),
  );

  it.each(rows)('of %s is %s', (hex, access) => {
    const cdb = new Cdb(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    const command = commandTable.find(
      ({ opcode, serviceAction }) =>
        opcode === cdb.opcode &&
        (serviceAction === undefined || serviceAction === cdb.serviceAction),
    );
    expect(command && accessOf(command, cdb)).toBe(access);
  });

  it('of every command is among them', () => {
    const listed = new Set(rows.map(([hex]) => hex.slice(0, 5)));
    for (const { opcode, serviceAction } of commandTable) {
      const [code, action] = [opcode, serviceAction ?? 0].map((value) =>
        value.toString(16).padStart(2, '0'),
      );
      const known = [`${code ?? ''} ${action ?? ''}`, code ?? ''].some((hex) => listed.has(hex));
      expect([opcode, known]).toEqual([opcode, true]);
    }
  });
});

describe('what a disk offers', () => {
  const names = (overrides: Parameters<typeof diskWith>[0]) =>
    Array.from(diskWith(overrides).commands, ({ name }) => name);

  it('UNMAP only with thin provisioning', () => {
    expect(names({})).toContain('UNMAP');
    expect(names({ medium: { ...plainMedium, thinProvisioned: false } })).not.toContain('UNMAP');
  });

  it('COMPARE AND WRITE only if it has a maximum', () => {
    expect(names({})).not.toContain('COMPARE AND WRITE');
    const medium = { ...plainMedium, compareAndWriteBlocks: 1 };
    expect(names({ medium })).toContain('COMPARE AND WRITE');
  });

  it.each([...allActions])('%s only if its reservations do', (action) => {
    const without = new Set([...allActions].filter((other) => other !== action));
    expect(names({ reservationActions: allActions }).length).toBe(
      names({ reservationActions: without }).length + 1,
    );
  });
});

it('the data plane serves what moves data', () => {
  const { commands, limits } = nativeService(
    diskWith({ medium: { ...plainMedium, compareAndWriteBlocks: 8 } }),
  );
  expect(
    commands.map(({ name, opcode, usage, access }) => [name, opcode, usage.length, access]),
  ).toEqual([
    ['READ(6)', 0x08, 6, 'reads'],
    ['WRITE(6)', 0x0a, 6, 'writes'],
    ['READ(10)', 0x28, 10, 'reads'],
    ['WRITE(10)', 0x2a, 10, 'writes'],
    ['WRITE AND VERIFY(10)', 0x2e, 10, 'writes'],
    ['VERIFY(10)', 0x2f, 10, 'reads'],
    ['SYNCHRONIZE CACHE(10)', 0x35, 10, 'writes'],
    ['WRITE SAME(10)', 0x41, 10, 'writes'],
    ['UNMAP', 0x42, 10, 'writes'],
    ['READ(16)', 0x88, 16, 'reads'],
    ['COMPARE AND WRITE', 0x89, 16, 'writes'],
    ['WRITE(16)', 0x8a, 16, 'writes'],
    ['WRITE AND VERIFY(16)', 0x8e, 16, 'writes'],
    ['VERIFY(16)', 0x8f, 16, 'reads'],
    ['SYNCHRONIZE CACHE(16)', 0x91, 16, 'writes'],
    ['WRITE SAME(16)', 0x93, 16, 'writes'],
    ['READ(12)', 0xa8, 12, 'reads'],
    ['WRITE(12)', 0xaa, 12, 'writes'],
    ['WRITE AND VERIFY(12)', 0xae, 12, 'writes'],
    ['VERIFY(12)', 0xaf, 12, 'reads'],
  ]);
  expect(limits).toEqual({
    compareAndWriteBlocks: 8,
    unmapBlocks: 0x100000,
    unmapDescriptors: 255,
    unmapGranularity: 8,
    writeSameBlocks: 0x100000,
  });
});
