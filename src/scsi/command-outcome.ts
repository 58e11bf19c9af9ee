/** How a command ended, before its sense is put into bytes. */
import type { ScsiSense } from './sense.js';

/** Status codes of SAM-5 §5.3.1. */
export const scsiStatus = {
  good: 0x00,
  checkCondition: 0x02,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
} as const;
export type ScsiStatus = (typeof scsiStatus)[keyof typeof scsiStatus];

export interface CommandOutcome {
  readonly status: ScsiStatus;
  /** Parameter data for the initiator, at most as long as the allocation length. */
  readonly dataIn: Buffer;
  /** Present with CHECK CONDITION. */
  readonly sense?: ScsiSense;
}

const nothing = Buffer.alloc(0);

export const good: CommandOutcome = { status: scsiStatus.good, dataIn: nothing };
export const busy: CommandOutcome = { status: scsiStatus.busy, dataIn: nothing };
export const reservationConflict: CommandOutcome = {
  status: scsiStatus.reservationConflict,
  dataIn: nothing,
};
export const taskSetFull: CommandOutcome = { status: scsiStatus.taskSetFull, dataIn: nothing };

export function checkCondition(sense: ScsiSense): CommandOutcome {
  return { status: scsiStatus.checkCondition, dataIn: nothing, sense };
}

/**
 * GOOD with parameter data. Truncation is no error, and length fields inside the data keep
 * describing the whole (SPC-4 §4.2.5.6).
 * @param allocationLength bytes the CDB allows
 */
export function goodWith(data: Buffer, allocationLength: number): CommandOutcome {
  return { status: scsiStatus.good, dataIn: data.subarray(0, allocationLength) };
}

/** What became of decoding something an initiator sent. */
export type Decoded<T> =
  | { readonly value: T; readonly refusal?: never }
  | { readonly value?: never; readonly refusal: ScsiSense };
