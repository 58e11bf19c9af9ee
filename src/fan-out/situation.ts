/** One view of the array, told apart into this host's paths and everybody else. Pure. */
import type { NexusId } from '../pr/nexus.js';
import type { ReservationKey, ReservationType } from '../pr/reservation.js';
import { heldByAllRegistrants } from '../pr/reservation.js';
import type { ArrayView, SeenRegistration } from './array-view.js';
import type { OwnNexuses, PathId } from './own-nexuses.js';

/** A path of this host, or a former one that the array still has a registration of. */
export interface OwnPath {
  readonly id: PathId;
  /** Whether commands get through now. */
  readonly usable: boolean;
  /** Undefined while it is not proven. */
  readonly nexusId: NexusId | undefined;
  /** 0n: not registered. Undefined: not known. */
  readonly key: ReservationKey | undefined;
  readonly holds: boolean;
}

export interface Situation {
  readonly view: ArrayView;
  /** In the order in which they are to be tried. */
  readonly paths: readonly OwnPath[];
  /** Registrations that are not proven this host's own. */
  readonly foreign: readonly SeenRegistration[];
  /** Paths that were registered by us and not yet seen beside a witness (fencing rule 8). */
  readonly unconfirmed: ReadonlySet<PathId>;
  /** Whether paths can be proven: the transport has READ FULL STATUS. */
  readonly provable: boolean;
  /** Never two REGISTERs at a time. */
  readonly sequential: boolean;
}

export interface SituationParts {
  view: ArrayView;
  own: OwnNexuses;
  /** What paths that are not proven were registered with last, as far as is known. */
  believed: ReadonlyMap<PathId, ReservationKey>;
  /** All paths of this host, in the order in which they are to be tried. */
  paths: readonly PathId[];
  usable: ReadonlySet<PathId>;
  unconfirmed: ReadonlySet<PathId>;
  provable: boolean;
  sequential: boolean;
}

export function situationOf(parts: SituationParts): Situation {
  const { view, own, paths, usable, unconfirmed, provable, sequential } = parts;
  const ownIds = new Set(own.values());
  const foreign = view.registrations.filter(
    ({ nexusId }) => nexusId === undefined || !ownIds.has(nexusId),
  );
  const former = [...own.keys()].filter((id) => !paths.includes(id));
  return {
    view,
    paths: [...paths, ...former].map((id) => ({
      id,
      usable: usable.has(id),
      nexusId: own.get(id),
      ...registrationOf(id, parts, foreign),
    })),
    foreign,
    unconfirmed,
    provable,
    sequential,
  };
}

function registrationOf(
  id: PathId,
  { view, own, believed }: SituationParts,
  foreign: readonly SeenRegistration[],
): Pick<OwnPath, 'key' | 'holds'> {
  const nexusId = own.get(id);
  if (nexusId !== undefined) {
    const seen = view.registrations.find((registration) => registration.nexusId === nexusId);
    return { key: seen?.key ?? 0n, holds: seen?.holds ?? false };
  }
  const key = believed.get(id);
  const seen = foreign.filter((registration) => registration.key === key);
  return seen.length === 0
    ? { key: undefined, holds: false }
    : { key, holds: seen.some(({ holds }) => holds) };
}

/** Own paths with that key, reachable or not. */
export function ownWith({ paths }: Situation, key: ReservationKey): OwnPath[] {
  return key === 0n ? [] : paths.filter((path) => path.key === key);
}

export function usableWith(situation: Situation, key: ReservationKey): OwnPath[] {
  return ownWith(situation, key).filter(({ usable }) => usable);
}

/** Registered, and no command gets there: dead nexuses among them. */
export function unreachableWith(situation: Situation, key: ReservationKey): OwnPath[] {
  return ownWith(situation, key).filter(({ usable }) => !usable);
}

/** Own paths that hold the reservation. */
export function ownHolders({ paths }: Situation): OwnPath[] {
  return paths.filter(({ holds }) => holds);
}

/** Whether somebody who is not proven to be this host has that key, too. */
export function isForeign({ foreign }: Situation, key: ReservationKey): boolean {
  return foreign.some((registration) => registration.key === key);
}

export function isHeldByAll({ type }: ArrayView): boolean {
  return type !== undefined && heldByAllRegistrants(type);
}

/** The type an internal PREEMPT repeats; without a reservation it is ignored (SPC-4 §5.13.11.2.5). */
export function typeToKeep({ type }: ArrayView): ReservationType {
  return type ?? 'write-exclusive-registrants-only';
}
