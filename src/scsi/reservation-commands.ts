/** Reservation commands: from CDB to the logical unit's reservations, and their outcome back. */
import type { PrInCommand, PrOutCommand } from '../pr/command.js';
import type { PrOutcome } from '../pr/outcome.js';
import type { CommandContext } from './command.js';
import {
  busy,
  checkCondition,
  type CommandOutcome,
  good,
  goodWith,
  reservationConflict,
  taskSetFull,
} from './command-outcome.js';
import { encodePrInData } from './persistent-reserve-in.js';
import { decodePrOut } from './persistent-reserve-out.js';
import { invalidCdbField } from './sense.js';

export async function persistentReserveIn(
  action: PrInCommand['action'],
  { unit, nexus, cdb }: CommandContext,
): Promise<CommandOutcome> {
  return encoded(await unit.reservations.execute(nexus, { action }), cdb.uint16(7));
}

export async function persistentReserveOut(
  action: PrOutCommand['action'],
  { unit, nexus, cdb, dataOut }: CommandContext,
): Promise<CommandOutcome> {
  const command = decodePrOut(action, cdb, dataOut);
  if (command.refusal !== undefined) return checkCondition(command.refusal);
  return encoded(await unit.reservations.execute(nexus, command.value), 0);
}

/** @returns undefined if the PERSISTENT RESERVE OUT is to be run like any other */
export function leftOverReserveOut(
  action: PrOutCommand['action'],
  { unit, nexus, cdb, dataOut }: CommandContext,
): CommandOutcome | undefined {
  const command = decodePrOut(action, cdb, dataOut);
  if (command.refusal !== undefined) return undefined;
  const outcome = unit.reservations.leftOver(nexus, command.value);
  return outcome && encoded(outcome, 0);
}

/** RESERVE(6) and RELEASE(6) of SPC-2, for the whole logical unit and for the sender only. */
export async function legacyReservation(
  action: 'reserve-6' | 'release-6',
  { unit, nexus, cdb }: CommandContext,
): Promise<CommandOutcome> {
  if (cdb.flag(1, 4)) return checkCondition(invalidCdbField(1, 4)); // 3RDPTY
  if (cdb.flag(1, 0)) return checkCondition(invalidCdbField(1, 0)); // EXTENT
  return encoded(await unit.reservations.execute(nexus, { action }), 0);
}

/** @param allocationLength bytes that the initiator takes of parameter data */
export function encoded(outcome: PrOutcome, allocationLength: number): CommandOutcome {
  switch (outcome.status) {
    case 'good':
      return outcome.data === undefined
        ? good
        : goodWith(encodePrInData(outcome.data), allocationLength);
    case 'reservation-conflict':
      return reservationConflict;
    case 'check-condition':
      return checkCondition(outcome.sense);
    case 'busy':
      return busy;
    case 'task-set-full':
      return taskSetFull;
  }
}
