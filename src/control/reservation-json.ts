/** Reservation commands and outcomes as JSON carries them: keys as hexadecimal text. */
import * as v from 'valibot';
import type { PrCommand } from '../pr/command.js';
import type { PrCapabilities, PrInData, PrOutcome } from '../pr/outcome.js';
import {
  formatKey,
  type ReservationKey,
  reservationTypes,
  type ReservationType,
} from '../pr/reservation.js';
import type { Sense } from '../pr/sense.js';

/** A reservation key: 64 bits, `0x` and hexadecimal digits. */
export const keySchema = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,16}$/i, 'a key is 0x and up to 16 hexadecimal digits'),
  v.transform((text): ReservationKey => BigInt(text)),
);
export const typeSchema = v.picklist(reservationTypes);
const scope = v.optional(v.literal('logical-unit'), 'logical-unit');
const flag = v.optional(v.boolean(), false);

/** What may be asked for from outside; what needs another nexus' TransportID is left to guests. */
export const prCommandSchema = v.variant('action', [
  v.strictObject({
    action: v.picklist([
      'read-keys',
      'read-reservation',
      'report-capabilities',
      'read-full-status',
    ]),
  }),
  v.strictObject({
    action: v.literal('register'),
    prkey: v.optional(keySchema, '0x0'),
    serviceActionKey: keySchema,
    aptpl: flag,
    allTgPt: flag,
  }),
  v.strictObject({
    action: v.literal('register-and-ignore-existing-key'),
    serviceActionKey: keySchema,
    aptpl: flag,
    allTgPt: flag,
  }),
  v.strictObject({
    action: v.picklist(['reserve', 'release']),
    prkey: keySchema,
    scope,
    type: typeSchema,
  }),
  v.strictObject({ action: v.literal('clear'), prkey: keySchema }),
  v.strictObject({
    action: v.picklist(['preempt', 'preempt-and-abort']),
    prkey: keySchema,
    serviceActionKey: keySchema,
    scope,
    type: typeSchema,
  }),
]);

export type PrCommandJson = v.InferInput<typeof prCommandSchema>;

/** A refusal is a result like any other: it is what a guest would have been told. */
export type PrOutcomeJson =
  | { status: 'good'; data?: PrDataJson }
  | { status: 'reservation-conflict' | 'busy' | 'task-set-full' }
  | { status: 'check-condition'; sense: Pick<Sense, 'senseKey' | 'asc' | 'ascq'> };

export type PrDataJson =
  | { action: 'read-keys'; generation: number; keys: string[] }
  | {
      action: 'read-reservation';
      generation: number;
      reservation: { key: string; type: ReservationType } | null;
    }
  | ({ action: 'report-capabilities' } & PrCapabilities)
  | { action: 'read-full-status'; generation: number; registrations: RegistrationJson[] };

export interface RegistrationJson {
  key: string;
  /** `INITIATOR-PORT,t,0xRTPI`, as in `Nexus`. */
  nexus: string;
  allTgPt: boolean;
  /** Null for a registrant that holds no reservation. */
  holds: ReservationType | null;
}

export function outcomeToJson(outcome: PrOutcome): PrOutcomeJson {
  if (outcome.status === 'check-condition') {
    const { senseKey, asc, ascq } = outcome.sense;
    return { status: outcome.status, sense: { senseKey, asc, ascq } };
  }
  if (outcome.status !== 'good') return outcome;
  return outcome.data === undefined
    ? { status: 'good' }
    : { status: 'good', data: dataToJson(outcome.data) };
}

export function dataToJson(data: PrInData): PrDataJson {
  switch (data.action) {
    case 'read-keys':
      return { ...data, keys: data.keys.map(formatKey) };
    case 'read-reservation': {
      const { action, generation, reservation } = data;
      if (reservation === undefined) return { action, generation, reservation: null };
      const { key, type } = reservation;
      return { action, generation, reservation: { key: formatKey(key), type } };
    }
    case 'report-capabilities':
      return { action: data.action, ...data.capabilities };
    case 'read-full-status':
      return {
        ...data,
        registrations: data.registrations.map(({ key, nexus, allTgPt, reservation }) => ({
          key: formatKey(key),
          nexus: nexus.id,
          allTgPt,
          holds: reservation?.type ?? null,
        })),
      };
  }
}

/** @param command that `prCommandSchema` let pass */
export function commandFromJson(command: v.InferOutput<typeof prCommandSchema>): PrCommand {
  return command.action === 'register' ? { ...command, specIPt: undefined } : command;
}
