/** The text of a state file: JSON that an administrator can read, behind a checksum. */
import * as v from 'valibot';
import { guestNexusWithId, type NexusId } from '../pr/nexus.js';
import type { Sense } from '../pr/sense.js';
import { formatKey, heldByAllRegistrants, reservationTypes } from '../pr/reservation.js';
import { StoredSense } from '../pr/stored-sense.js';
import { type Registration, registrationCapacity, type Reservation } from './reservation-state.js';
import type { Handover, StoredReservations } from './state-store.js';
import { checkedBody, type TextFormat, withChecksum } from '../util/checksummed-text.js';

const format: TextFormat = {
  name: 'holdfast-reservations',
  version: 1,
  noun: 'reservation state file',
};

const Body = v.strictObject({
  generation: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff)),
  aptpl: v.boolean(),
  registrations: v.pipe(
    v.array(
      v.strictObject({
        nexus: v.string(),
        key: v.pipe(v.string(), v.regex(/^0x[1-9a-f][0-9a-f]{0,15}$/)),
        allTgPt: v.boolean(),
      }),
    ),
    v.maxLength(registrationCapacity),
  ),
  reservation: v.nullable(
    v.strictObject({ type: v.picklist(reservationTypes), holder: v.nullable(v.string()) }),
  ),
  handover: v.optional(
    v.strictObject({
      legacyHolder: v.nullable(v.string()),
      attentions: v.record(v.string(), v.array(StoredSense)),
    }),
  ),
});
type Body = v.InferOutput<typeof Body>;

export function encodeStateFile(stored: StoredReservations): string {
  const { generation, aptpl, registrations, reservation, handover } = stored;
  const body: Body = {
    generation,
    aptpl,
    registrations: [...registrations.values()].map(({ nexus, key, allTgPt }) => ({
      nexus: nexus.id,
      key: formatKey(key),
      allTgPt,
    })),
    reservation:
      reservation === undefined
        ? null
        : { type: reservation.type, holder: reservation.holder ?? null },
    ...(handover && { handover: handoverBody(handover) }),
  };
  return withChecksum(format, `${JSON.stringify(body, null, 2)}\n`);
}

function handoverBody({ legacyHolder, attentions }: Handover): Body['handover'] {
  const bare = ({ senseKey, asc, ascq }: Sense) => ({ senseKey, asc, ascq });
  return {
    legacyHolder: legacyHolder ?? null,
    attentions: Object.fromEntries(
      [...attentions].map(([nexusId, conditions]) => [nexusId, conditions.map(bare)]),
    ),
  };
}

/** @throws Error that says what is wrong, to be put behind the file's name */
export function decodeStateFile(file: string): StoredReservations {
  const body = v.safeParse(Body, JSON.parse(checkedBody(format, file)));
  if (!body.success) throw new Error(`is no valid state: ${v.summarize(body.issues)}`);
  return storedFrom(body.output);
}

function storedFrom(body: Body): StoredReservations {
  const { generation, aptpl, registrations, reservation, handover } = body;
  const table = new Map<NexusId, Registration>();
  for (const { nexus: id, key, allTgPt } of registrations) {
    const nexus = guestNexusWithId(id);
    if (nexus === undefined || table.has(id)) throw new Error(`names ${id} wrongly or twice`);
    table.set(id, { nexus, key: BigInt(key), allTgPt });
  }
  return {
    generation,
    aptpl,
    registrations: table,
    reservation: reservation === null ? undefined : reservationFrom(reservation, table),
    ...(handover && {
      handover: {
        legacyHolder: handover.legacyHolder ?? undefined,
        attentions: new Map(Object.entries(handover.attentions)),
      },
    }),
  };
}

function reservationFrom(
  { type, holder }: NonNullable<Body['reservation']>,
  registrations: ReadonlyMap<NexusId, Registration>,
): Reservation {
  const held = heldByAllRegistrants(type)
    ? holder === null && registrations.size > 0
    : holder !== null && registrations.has(holder);
  if (!held) throw new Error('has a reservation that nobody can hold');
  return { type, holder: holder ?? undefined };
}
