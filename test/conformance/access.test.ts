/** The access table held against the control plane alone, and what the table must cover. */
import { describe, expect, it } from 'vitest';
import { Cdb } from '../../src/scsi/cdb.js';
import { accessOf } from '../../src/scsi/command.js';
import { CommandSet } from '../../src/scsi/command-set.js';
import { commandTable } from '../../src/scsi/command-table.js';
import { commandOf, describeAccess } from './access-suite.js';
import { conflictTable } from './conflict-table.js';
import { controlPlane, fencePositions } from './subject.js';

describe.each([controlPlane, fencePositions])('$name', describeAccess);

it('the table has a row for every command that is no reservation command', () => {
  const rows = new CommandSet(commandTable);
  const tabled = new Set(
    conflictTable.map((row) => rows.find(new Cdb(commandOf(row).cdb)).value?.name),
  );
  const commands = commandTable
    .filter(({ access }) => access !== 'reservation-command')
    .map(({ name }) => name);
  expect(commands.filter((name) => !tabled.has(name))).toEqual([]);
});

it('no reservation command meets a conflict before the reservation machine', () => {
  const names = commandTable
    .filter((command) => accessOf(command, new Cdb(command.usage)) === 'reservation-command')
    .map(({ name }) => name.replace(/,.*/, ''));
  expect([...new Set(names)].sort()).toEqual([
    'PERSISTENT RESERVE IN',
    'PERSISTENT RESERVE OUT',
    'RELEASE(6)',
    'RESERVE(6)',
  ]);
});
