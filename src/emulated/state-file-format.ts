/** The text of a state file: JSON that an administrator can read, behind a checksum. */
import * as v from 'valibot';
import { guestNexusWithId, type NexusId } from '../pr/nexus.js';
import { formatKey, heldByAllRegistrants, reservationTypes } from '../pr/reservation.js';
import { type Registration, registrationCapacity, type Reservation } from './reservation-state.js';
import type { StoredReservations } from './state-store.js';
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
});
type Body = v.InferOutput<typeof Body>;

export function encodeStateFile(stored: StoredReservations): string {
  const { generation, aptpl, registrations, reservation } = stored;
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
  };
  return withChecksum(format, `${JSON.stringify(body, null, 2)}\n`);
}

/** @throws Error that says what is wrong, to be put behind the file's name */
export function decodeStateFile(file: string): StoredReservations {
  const body = v.safeParse(Body, JSON.parse(checkedBody(format, file)));
  if (!body.success) throw new Error(`is no valid state: ${v.summarize(body.issues)}`);
  return storedFrom(body.output);
}

function storedFrom({ generation, aptpl, registrations, reservation }: Body): StoredReservations {
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
