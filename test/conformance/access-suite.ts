/** Every command of the disk, under every type of reservation, from every kind of nexus. */
import { describe, expect, it } from 'vitest';
import {
  admitsRegistrants,
  excludesReads,
  heldByAllRegistrants,
  reservationTypes,
  type ReservationType,
} from '../../src/pr/reservation.js';
import { register, reserve, reserve6 } from '../unit/emulated/support/commands.js';
import { nexusNamed } from '../unit/emulated/support/reservations.js';
import { conflictTable, type ConflictRow } from './conflict-table.js';
import type { OpenSubject, SentCommand, Subject } from './subject.js';

const holder = nexusNamed('holder');
const registered = nexusNamed('registered');
const unregistered = nexusNamed('unregistered');
const nexuses = [holder, registered, unregistered];

type Role = 'holder' | 'registered' | 'unregistered';

const blockSize = 512;

/** Declares its tests in the describe block that it is called in. */
export function describeAccess(subject: Subject): void {
  describe.each(reservationTypes)('%s', (type) => {
    it.each([
      ['holder', holder],
      ['registered', registered],
      ['unregistered', unregistered],
    ] as const)('%s nexus', async (role, nexus) => {
      const disk = await subject.open(nexuses);
      await disk.execute(holder, register(0n, 1n));
      await disk.execute(registered, register(0n, 2n));
      await disk.execute(holder, reserve(1n, type));
      for (const row of conflictTable) {
        const admitted = await disk.admits(nexus, commandOf(row));
        if (admitted === undefined) continue;
        expect(admitted, row.command).toBe(verdict(row, type, role) === 'A');
      }
    });
  });

  it('admits every command from everybody while nothing is reserved', async () => {
    const disk = await subject.open(nexuses);
    await disk.execute(registered, register(0n, 2n));
    for (const nexus of [registered, unregistered]) {
      for (const row of conflictTable) await expectAdmitted(disk, nexus, row, true);
    }
  });

  it('RESERVE(6) admits from others what never conflicts', async () => {
    const disk = await subject.open(nexuses);
    await disk.execute(holder, reserve6);
    for (const row of conflictTable) {
      await expectAdmitted(disk, holder, row, true);
      await expectAdmitted(disk, unregistered, row, row.verdicts === 'AAAAA');
    }
  });
}

async function expectAdmitted(
  disk: OpenSubject,
  nexus: (typeof nexuses)[number],
  row: ConflictRow,
  expected: boolean,
): Promise<void> {
  const admitted = await disk.admits(nexus, commandOf(row));
  if (admitted !== undefined) expect(admitted, row.command).toBe(expected);
}

function verdict({ verdicts }: ConflictRow, type: ReservationType, role: Role): string | undefined {
  if (role === 'holder') return 'A';
  if (!admitsRegistrants(type)) return verdicts[excludesReads(type) ? 1 : 0];
  if (role === 'unregistered') return verdicts[excludesReads(type) ? 4 : 3];
  // Under an all-registrants type every registrant holds.
  return heldByAllRegistrants(type) ? 'A' : verdicts[2];
}

export function commandOf({ cdb, blocksOut = 0 }: ConflictRow): SentCommand {
  const bytes = Buffer.alloc(16);
  Buffer.from(cdb.replaceAll(' ', ''), 'hex').copy(bytes);
  return { cdb: bytes, dataOut: Buffer.alloc(blocksOut * blockSize) };
}
