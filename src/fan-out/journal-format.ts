/** The text of a journal: JSON that an administrator can read, behind a checksum. */
import * as v from 'valibot';
import type { PrOutCommand } from '../pr/command.js';
import { reservationTypes } from '../pr/reservation.js';
import { StoredSense } from '../pr/stored-sense.js';
import { checkedBody, type TextFormat, withChecksum } from '../util/checksummed-text.js';
import type { JournalEntry } from './journal.js';
import { hexInteger, TransportIdFormat } from './transport-id-format.js';

const format: TextFormat = { name: 'holdfast-fan-out', version: 1, noun: 'fan-out journal' };

/** Far beyond what one host can have of any of this. */
const entriesMax = 4096;

const Key = hexInteger(16);
const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const Type = v.picklist(reservationTypes);
const Text = v.pipe(v.string(), v.maxLength(1024));
const ScopeAndType = {
  scope: v.optional(v.literal('logical-unit')),
  type: v.optional(Type),
};

// What is refused before it is run never comes here: SPEC_I_PT, REPLACE LOST RESERVATION.
const Command = v.variant('action', [
  v.strictObject({
    action: v.literal('register'),
    prkey: Key,
    serviceActionKey: Key,
    aptpl: v.boolean(),
    allTgPt: v.boolean(),
  }),
  v.strictObject({
    action: v.literal('register-and-ignore-existing-key'),
    serviceActionKey: Key,
    aptpl: v.boolean(),
    allTgPt: v.boolean(),
  }),
  v.strictObject({ action: v.picklist(['reserve', 'release']), prkey: Key, ...ScopeAndType }),
  v.strictObject({ action: v.literal('clear'), prkey: Key }),
  v.strictObject({
    action: v.picklist(['preempt', 'preempt-and-abort']),
    prkey: Key,
    serviceActionKey: Key,
    ...ScopeAndType,
  }),
  v.strictObject({
    action: v.literal('register-and-move'),
    prkey: Key,
    serviceActionKey: Key,
    unregister: v.boolean(),
    aptpl: v.boolean(),
    relativeTargetPort: Count,
    destination: TransportIdFormat,
  }),
]);

const Body = v.strictObject({
  intent: v.optional(
    v.strictObject({
      key: v.pipe(Key, v.minValue(1n)),
      otherKey: v.optional(Key),
      aptpl: v.boolean(),
      type: v.optional(Type),
      holderPath: v.optional(Text),
      epoch: Count,
    }),
  ),
  own: v.pipe(v.array(v.tuple([Text, Text])), v.maxLength(entriesMax)),
  believed: v.pipe(v.array(v.tuple([Text, Key])), v.maxLength(entriesMax)),
  unconfirmed: v.pipe(v.array(Text), v.maxLength(entriesMax)),
  pending: v.optional(
    v.strictObject({
      command: Command,
      key: Key,
      before: v.strictObject({
        generation: Count,
        registrations: v.pipe(
          v.array(v.strictObject({ nexusId: v.optional(Text), key: Key, holds: v.boolean() })),
          v.maxLength(entriesMax),
        ),
        type: v.optional(Type),
      }),
      paths: v.pipe(v.array(Text), v.maxLength(entriesMax)),
      over: v.boolean(),
    }),
  ),
  owed: v.optional(StoredSense),
});

export function encodeJournal(entry: JournalEntry): string {
  const { intent, pending, owed } = entry;
  const body = {
    intent,
    pending: pending && { ...pending, before: { ...pending.before, ports: undefined } },
    own: [...entry.own],
    believed: [...entry.believed],
    unconfirmed: [...entry.unconfirmed],
    owed,
  };
  return withChecksum(format, `${JSON.stringify(body, withKeysInHex, 2)}\n`);
}

/** @throws Error that says what is wrong, to be put behind the file's name */
export function decodeJournal(text: string): JournalEntry {
  const body = v.safeParse(Body, JSON.parse(checkedBody(format, text)));
  if (!body.success) throw new Error(`is no valid journal: ${v.summarize(body.issues)}`);
  const { intent, own, believed, unconfirmed, pending, owed } = body.output;
  return {
    intent: intent && {
      ...intent,
      otherKey: intent.otherKey,
      type: intent.type,
      holderPath: intent.holderPath,
    },
    own: new Map(own),
    believed: new Map(believed),
    unconfirmed: new Set(unconfirmed),
    pending: pending && pendingFrom(pending),
    owed,
  };
}

type Body = v.InferOutput<typeof Body>;

function pendingFrom({
  command,
  key,
  before,
  paths,
  over,
}: NonNullable<Body['pending']>): JournalEntry['pending'] {
  return {
    command: commandFrom(command),
    key,
    before: {
      generation: before.generation,
      registrations: before.registrations.map(({ nexusId, key, holds }) => ({
        nexusId,
        key,
        holds,
      })),
      type: before.type,
      ports: new Map(),
    },
    paths,
    over,
  };
}

function commandFrom(command: v.InferOutput<typeof Command>): PrOutCommand {
  switch (command.action) {
    case 'register':
      return { ...command, specIPt: undefined };
    case 'reserve':
    case 'release':
      return { ...command, action: command.action, scope: command.scope, type: command.type };
    case 'preempt':
    case 'preempt-and-abort':
      return { ...command, action: command.action, scope: command.scope, type: command.type };
    case 'register-and-move':
    case 'clear':
    case 'register-and-ignore-existing-key':
      return command;
  }
}

/** JSON has no integers of 64 bits. */
function withKeysInHex(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}
