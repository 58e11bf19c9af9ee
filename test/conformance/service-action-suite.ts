/**
 * Which PERSISTENT RESERVE OUT service actions are allowed beside a reservation of another nexus:
 * SPC-4 table 66, cell by cell. Each command is one that ends in GOOD where it is allowed.
 */
import { describe, expect, it } from 'vitest';
import type { ReservationCommand } from '../../src/pr/command.js';
import {
  heldByAllRegistrants,
  reservationTypes,
  type ReservationType,
} from '../../src/pr/reservation.js';
import {
  clear,
  preempt,
  preemptAndAbort,
  readFullStatus,
  readKeys,
  readReservation,
  register,
  registerAndIgnore,
  registerAndMove,
  release,
  reportCapabilities,
  reserve,
} from '../unit/emulated/support/commands.js';
import { nexusNamed } from '../unit/emulated/support/reservations.js';
import type { Subject } from './subject.js';

const holder = nexusNamed('holder');
const registered = nexusNamed('registered');
const unregistered = nexusNamed('unregistered');
const holderKey = 1n;
const registeredKey = 2n;

type Role = 'holder' | 'registered' | 'unregistered';

interface ServiceActionRow {
  readonly name: string;
  readonly command: (prkey: bigint, type: ReservationType) => ReservationCommand;
  /** A: allowed, C: RESERVATION CONFLICT; from a registered nexus, from one not registered. */
  readonly verdicts: string;
}

const rows: readonly ServiceActionRow[] = [
  { name: 'CLEAR', command: clear, verdicts: 'AC' },
  {
    name: 'PREEMPT',
    command: (key, type) => preempt(key, keyOfHolders(type), type),
    verdicts: 'AC',
  },
  {
    name: 'PREEMPT AND ABORT',
    command: (key, type) => preemptAndAbort(key, keyOfHolders(type), type),
    verdicts: 'AC',
  },
  { name: 'REGISTER', command: (key) => register(key, 9n), verdicts: 'AA' },
  {
    name: 'REGISTER AND IGNORE EXISTING KEY',
    command: () => registerAndIgnore(9n),
    verdicts: 'AA',
  },
  {
    name: 'REGISTER AND MOVE',
    command: (key) => registerAndMove(key, 9n, nexusNamed('destination').transportId),
    verdicts: 'CC',
  },
  { name: 'RELEASE', command: release, verdicts: 'AC' },
  // Of the type in force; an all-registrants type is held by every registrant, who may repeat it.
  { name: 'RESERVE', command: reserve, verdicts: 'CC' },
  { name: 'READ KEYS', command: () => readKeys, verdicts: 'AA' },
  { name: 'READ RESERVATION', command: () => readReservation, verdicts: 'AA' },
  { name: 'READ FULL STATUS', command: () => readFullStatus, verdicts: 'AA' },
  { name: 'REPORT CAPABILITIES', command: () => reportCapabilities, verdicts: 'AA' },
];

/** Declares its tests in the describe block that it is called in. */
export function describeServiceActions(subject: Subject): void {
  describe.each(reservationTypes)('%s', (type) => {
    describe.each([
      ['holder', holder, holderKey],
      ['registered', registered, registeredKey],
      ['unregistered', unregistered, 0n],
    ] as const)('%s nexus', (role, nexus, key) => {
      it.each(rows)('$name', async (row) => {
        const disk = await subject.open([holder, registered, unregistered]);
        await disk.execute(holder, register(0n, holderKey));
        await disk.execute(registered, register(0n, registeredKey));
        await disk.execute(holder, reserve(holderKey, type));
        const status = await disk.execute(nexus, row.command(key, type));
        expect(status).toBe(verdict(row, type, role) === 'A' ? 'good' : 'reservation-conflict');
      });
    });
  });
}

function verdict({ name, verdicts }: ServiceActionRow, type: ReservationType, role: Role) {
  if (role === 'unregistered') return verdicts[1];
  const allHold = heldByAllRegistrants(type);
  if (name === 'REGISTER AND MOVE') return role === 'holder' && !allHold ? 'A' : 'C';
  return role === 'holder' || allHold ? 'A' : verdicts[0];
}

/** What PREEMPT gives to take the reservation over. */
function keyOfHolders(type: ReservationType): bigint {
  return heldByAllRegistrants(type) ? 0n : holderKey;
}
