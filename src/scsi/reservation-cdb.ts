/** PERSISTENT RESERVE IN and OUT for who has nothing else of a logical unit. */
import type { PrCommand, ReservationCommand } from '../pr/command.js';
import type { PrOutcome } from '../pr/outcome.js';
import { Cdb } from './cdb.js';
import type { Decoded } from './command-outcome.js';
import { prInActions } from './persistent-reserve-in.js';
import { decodePrOut, prOutActions } from './persistent-reserve-out.js';
import { encoded } from './reservation-commands.js';
import { respond, type ScsiResponse } from './response.js';
import { invalidCdbField, invalidCommandOperationCode } from './sense.js';

export const prInOpcode = 0x5e;
export const prOutOpcode = 0x5f;

const nacaByte = 9;

/** A reservation command together with what its CDB says of the data. */
export interface ReservationCdb {
  readonly command: PrCommand;
  /** Bytes of parameter data the initiator takes; 0 for PERSISTENT RESERVE OUT. */
  readonly allocationLength: number;
}

/** Bytes that follow the CDB of PERSISTENT RESERVE OUT. */
export function parameterListLength(cdb: Uint8Array): number {
  return new Cdb(cdb).uint32(5);
}

/** Bytes that PERSISTENT RESERVE IN may answer with. */
export function allocationLength(cdb: Uint8Array): number {
  return new Cdb(cdb).uint16(7);
}

/**
 * @param offered what the logical unit carries out
 * @returns refusals: 5/20/00 for another operation code, 5/24/00 for a service action that is not
 *   offered and for NACA, and those of `decodePrOut`
 */
export function decodeReservationCdb(
  sent: Uint8Array,
  dataOut: Buffer,
  offered: ReadonlySet<ReservationCommand['action']>,
): Decoded<ReservationCdb> {
  const cdb = new Cdb(sent);
  switch (cdb.opcode) {
    case prInOpcode: {
      const action = actionWith(prInActions, cdb.serviceAction, offered);
      if (action === undefined) return { refusal: invalidCdbField(1, 4) };
      if (cdb.flag(nacaByte, 2)) return { refusal: invalidCdbField(nacaByte, 2) };
      return { value: { command: { action }, allocationLength: cdb.uint16(7) } };
    }
    case prOutOpcode: {
      const action = actionWith(prOutActions, cdb.serviceAction, offered);
      if (action === undefined) return { refusal: invalidCdbField(1, 4) };
      if (cdb.flag(nacaByte, 2)) return { refusal: invalidCdbField(nacaByte, 2) };
      const decoded = decodePrOut(action, cdb, dataOut);
      if (decoded.refusal !== undefined) return decoded;
      return { value: { command: decoded.value, allocationLength: 0 } };
    }
    default:
      return { refusal: invalidCommandOperationCode };
  }
}

/** The outcome in bytes, sense in fixed format. */
export function encodeReservationOutcome(
  outcome: PrOutcome,
  allocationLength: number,
): ScsiResponse {
  return respond(encoded(outcome, allocationLength), 'fixed');
}

function actionWith<Action extends PrCommand['action']>(
  codes: Readonly<Record<Action, number>>,
  serviceAction: number,
  offered: ReadonlySet<ReservationCommand['action']>,
): Action | undefined {
  const [action] =
    (Object.entries(codes) as [Action, number][]).find(([, code]) => code === serviceAction) ?? [];
  return action !== undefined && offered.has(action) ? action : undefined;
}
