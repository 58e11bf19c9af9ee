/**
 * Every command of the disk. This table decides what is dispatched where, what REPORT SUPPORTED
 * OPERATION CODES tells, which reservations a command meets and what the data plane serves.
 */
import type { PrOutCommand } from '../pr/command.js';
import { preFetch, range10, range16 } from './block-commands.js';
import { getLbaStatus, readCapacity10, readCapacity16 } from './capacity.js';
import type { CommandContext, CommandDefinition, LocalCommand, NativeCommand } from './command.js';
import { inquiry } from './inquiry.js';
import {
  preventAllowAccess,
  preventAllowMediumRemoval,
  requestSense,
  sendDiagnostic,
  startStopAccess,
  startStopUnit,
  testUnitReady,
} from './logical-unit-commands.js';
import { modeForm10, modeForm6, modeSense } from './mode-parameters.js';
import { prInActions } from './persistent-reserve-in.js';
import { prOutActions } from './persistent-reserve-out.js';
import { reportLuns } from './report-luns.js';
import {
  leftOverReserveOut,
  legacyReservation,
  persistentReserveIn,
  persistentReserveOut,
} from './reservation-commands.js';
import {
  reportSupportedOperationCodes,
  reportSupportedTaskManagementFunctions,
} from './supported-operations.js';

type Offered = CommandDefinition['offeredBy'];

const always: Offered = () => true;
const thinProvisioned: Offered = ({ medium }) => medium.thinProvisioned;
const comparesAndWrites: Offered = ({ medium }) => medium.limits.compareAndWriteBlocks > 0;

/** @param usage hex; its first byte is the operation code */
function native(
  name: string,
  usage: string,
  access: NativeCommand['access'],
  offeredBy: Offered = always,
): NativeCommand {
  return { ...shape(usage), name, access, run: 'natively', offeredBy };
}

function local(
  name: string,
  usage: string,
  access: LocalCommand['access'],
  run: LocalCommand['run'],
  offeredBy: Offered = always,
): LocalCommand {
  return { ...shape(usage), name, access, run, offeredBy };
}

/** The service action is in the lower five bits of the second byte of `usage`. */
function withServiceAction(command: LocalCommand): LocalCommand {
  return { ...command, serviceAction: command.usage.readUInt8(1) & 0x1f };
}

function ignoringUnitAttention(command: LocalCommand): LocalCommand {
  return { ...command, ignoresUnitAttention: true };
}

function shape(hex: string) {
  const usage = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const opcode = usage.readUInt8(0);
  return { opcode, serviceAction: undefined, usage, ignoresUnitAttention: false };
}

const lba16 = 'ffffffffffffffff';

// In all of them the control byte's NACA (04h) is looked at, to refuse it.
const groupsOf6And10Bytes: readonly CommandDefinition[] = [
  local('TEST UNIT READY', '00 00 00 00 00 04', 'never-conflicts', testUnitReady),
  ignoringUnitAttention(
    local('REQUEST SENSE', '03 01 00 00 ff 04', 'never-conflicts', requestSense),
  ),
  native('READ(6)', '08 1f ff ff ff 04', 'reads'),
  native('WRITE(6)', '0a 1f ff ff ff 04', 'writes'),
  ignoringUnitAttention(
    local('INQUIRY', '12 03 ff ff ff 04', 'never-conflicts', ({ unit, cdb }) =>
      inquiry(cdb, unit.identity, unit.medium),
    ),
  ),
  local('MODE SELECT(6)', '15 11 00 00 ff 04', 'writes', ({ unit, nexus, cdb, dataOut }) =>
    unit.modeSelect(nexus, cdb, modeForm6, dataOut),
  ),
  legacy('RESERVE(6)', '16 11 00 00 00 04', 'reserve-6'),
  legacy('RELEASE(6)', '17 11 00 00 00 04', 'release-6'),
  local('MODE SENSE(6)', '1a 08 ff ff ff 04', 'reads', ({ unit, cdb }) =>
    modeSense(cdb, modeForm6, unit.settings, unit.medium),
  ),
  local('START STOP UNIT', '1b 00 00 00 f3 04', startStopAccess, startStopUnit),
  local('SEND DIAGNOSTIC', '1d e0 00 ffff 04', 'writes', sendDiagnostic),
  local(
    'PREVENT ALLOW MEDIUM REMOVAL',
    '1e 00 00 00 03 04',
    preventAllowAccess,
    preventAllowMediumRemoval,
  ),
  local('READ CAPACITY(10)', '25 00 00000000 0000 00 04', 'never-conflicts', ({ unit }) =>
    readCapacity10(unit.medium),
  ),
  native('READ(10)', '28 f8 ffffffff 00 ffff 04', 'reads'),
  native('WRITE(10)', '2a f8 ffffffff 00 ffff 04', 'writes'),
  native('WRITE AND VERIFY(10)', '2e f6 ffffffff 00 ffff 04', 'writes'),
  native('VERIFY(10)', '2f f6 ffffffff 00 ffff 04', 'reads'),
  local('PRE-FETCH(10)', '34 00 ffffffff 00 ffff 04', 'reads', ({ unit, cdb }) =>
    preFetch(cdb, unit.medium, range10),
  ),
  native('SYNCHRONIZE CACHE(10)', '35 00 ffffffff 00 ffff 04', 'writes'),
  native('WRITE SAME(10)', '41 f8 ffffffff 00 ffff 04', 'writes'),
  native('UNMAP', '42 01 00000000 00 ffff 04', 'writes', thinProvisioned),
  local('MODE SELECT(10)', '55 11 0000000000 ffff 04', 'writes', (context) =>
    context.unit.modeSelect(context.nexus, context.cdb, modeForm10, context.dataOut),
  ),
  local('MODE SENSE(10)', '5a 18 ff ff 000000 ffff 04', 'reads', ({ unit, cdb }) =>
    modeSense(cdb, modeForm10, unit.settings, unit.medium),
  ),
];

const groupsOf12And16Bytes: readonly CommandDefinition[] = [
  native('READ(16)', `88 f8 ${lba16} ffffffff 00 04`, 'reads'),
  native('COMPARE AND WRITE', `89 f8 ${lba16} 000000 ff 00 04`, 'writes', comparesAndWrites),
  native('WRITE(16)', `8a f8 ${lba16} ffffffff 00 04`, 'writes'),
  native('WRITE AND VERIFY(16)', `8e f6 ${lba16} ffffffff 00 04`, 'writes'),
  native('VERIFY(16)', `8f f6 ${lba16} ffffffff 00 04`, 'reads'),
  local('PRE-FETCH(16)', `90 00 ${lba16} ffffffff 00 04`, 'reads', ({ unit, cdb }) =>
    preFetch(cdb, unit.medium, range16),
  ),
  native('SYNCHRONIZE CACHE(16)', `91 00 ${lba16} ffffffff 00 04`, 'writes'),
  native('WRITE SAME(16)', `93 f8 ${lba16} ffffffff 00 04`, 'writes'),
  withServiceAction(
    local(
      'READ CAPACITY(16)',
      '9e 10 0000000000000000 ffffffff 00 04',
      'never-conflicts',
      ({ unit, cdb }) => readCapacity16(cdb, unit.medium),
    ),
  ),
  withServiceAction(
    local('GET LBA STATUS', `9e 12 ${lba16} ffffffff 00 04`, 'reads', ({ unit, cdb }) =>
      getLbaStatus(cdb, unit.medium),
    ),
  ),
  ignoringUnitAttention(
    local('REPORT LUNS', 'a0 00 ff 000000 ffffffff 00 04', 'never-conflicts', ({ cdb, luns }) =>
      reportLuns(cdb, luns),
    ),
  ),
  withServiceAction(
    local(
      'REPORT SUPPORTED OPERATION CODES',
      'a3 0c 87 ff ffff ffffffff 00 04',
      'reads',
      ({ unit, cdb }) => reportSupportedOperationCodes(cdb, unit.commands),
    ),
  ),
  withServiceAction(
    local(
      'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
      'a3 0d 80 000000 ffffffff 00 04',
      'reads',
      ({ cdb }) => reportSupportedTaskManagementFunctions(cdb),
    ),
  ),
  native('READ(12)', 'a8 f8 ffffffff ffffffff 00 04', 'reads'),
  native('WRITE(12)', 'aa f8 ffffffff ffffffff 00 04', 'writes'),
  native('WRITE AND VERIFY(12)', 'ae f6 ffffffff ffffffff 00 04', 'writes'),
  native('VERIFY(12)', 'af f6 ffffffff ffffffff 00 04', 'reads'),
];

/** PERSISTENT RESERVE OUT actions that look at SCOPE and TYPE. */
const usesScopeAndType: readonly PrOutCommand['action'][] = [
  'reserve',
  'release',
  'preempt',
  'preempt-and-abort',
  'replace-lost-reservation',
];

const persistentReservations: readonly CommandDefinition[] = [
  ...entries(prInActions).map(([action, code]) =>
    withServiceAction(
      local(
        `PERSISTENT RESERVE IN, ${spelled(action)}`,
        `5e ${hexByte(code)} 0000000000 ffff 04`,
        'reservation-command',
        (context) => persistentReserveIn(action, context),
        ({ reservationActions }) => reservationActions.has(action),
      ),
    ),
  ),
  ...entries(prOutActions).map(([action, code]) => ({
    ...withServiceAction(
      local(
        `PERSISTENT RESERVE OUT, ${spelled(action)}`,
        `5f ${hexByte(code)} ${usesScopeAndType.includes(action) ? 'ff' : '00'} 0000 ffffffff 04`,
        'reservation-command',
        (context) => persistentReserveOut(action, context),
        ({ reservationActions }) => reservationActions.has(action),
      ),
    ),
    ifLeftOver: (context: CommandContext) => leftOverReserveOut(action, context),
  })),
];

function legacy(name: string, usage: string, action: 'reserve-6' | 'release-6'): LocalCommand {
  return local(
    name,
    usage,
    'reservation-command',
    (context) => legacyReservation(action, context),
    ({ reservationActions }) => reservationActions.has(action),
  );
}

function entries<Action extends string>(
  codes: Readonly<Record<Action, number>>,
): [Action, number][] {
  return Object.entries(codes) as [Action, number][];
}

function spelled(action: string): string {
  return action.replaceAll('-', ' ').toUpperCase();
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

/** By operation code, then by service action. */
export const commandTable: readonly CommandDefinition[] = [
  ...groupsOf6And10Bytes,
  ...persistentReservations,
  ...groupsOf12And16Bytes,
];
