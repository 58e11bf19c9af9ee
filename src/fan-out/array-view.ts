/** What one look at the array showed: who is registered with which key, and who holds. */
import type { NexusId } from '../pr/nexus.js';
import type { PrInData } from '../pr/outcome.js';
import type { TransportId } from '../pr/transport-id.js';
import type { ReservationKey, ReservationType } from '../pr/reservation.js';

export interface SeenRegistration {
  /** Undefined where the transport has no READ FULL STATUS. */
  readonly nexusId: NexusId | undefined;
  readonly key: ReservationKey;
  readonly holds: boolean;
}

/** The initiator port that a device names for a nexus, where a look showed it. */
export type InitiatorPorts = ReadonlyMap<NexusId, TransportId>;

export interface ArrayView {
  readonly generation: number;
  readonly registrations: readonly SeenRegistration[];
  /** Type of the reservation; undefined if there is none. */
  readonly type: ReservationType | undefined;
  readonly ports: InitiatorPorts;
}

type DataOf<Action extends PrInData['action']> = PrInData & { readonly action: Action };

export function viewOfFullStatus({
  generation,
  registrations,
}: DataOf<'read-full-status'>): ArrayView {
  const holder = registrations.find(({ reservation }) => reservation !== undefined);
  return {
    generation,
    registrations: registrations.map(({ nexus, key, reservation }) => ({
      nexusId: nexus.id,
      key,
      holds: reservation !== undefined,
    })),
    type: holder?.reservation?.type,
    ports: new Map(registrations.map(({ nexus }) => [nexus.id, nexus.transportId])),
  };
}

/**
 * For transports without READ FULL STATUS: nobody's nexus is known, and every registrant with the
 * holder's key looks like the holder.
 */
export function viewOfKeys(
  { generation, keys }: DataOf<'read-keys'>,
  { reservation }: DataOf<'read-reservation'>,
): ArrayView {
  return {
    generation,
    registrations: keys.map((key) => ({
      nexusId: undefined,
      key,
      // The key of an all-registrants reservation reads as 0: everybody holds it.
      holds: reservation !== undefined && (reservation.key === key || reservation.key === 0n),
    })),
    type: reservation?.type,
    ports: new Map(),
  };
}

/** PRGENERATION one counted service action later. */
export function nextGeneration(generation: number): number {
  return (generation + 1) >>> 0;
}

/** Whether nothing that either of them shows differs. */
export function isSameView(a: ArrayView, b: ArrayView): boolean {
  return (
    a.generation === b.generation &&
    a.type === b.type &&
    a.registrations.length === b.registrations.length &&
    a.registrations.every((one) =>
      b.registrations.some(
        (other) =>
          other.nexusId === one.nexusId && other.key === one.key && other.holds === one.holds,
      ),
    )
  );
}
