/**
 * Which I_T nexuses of the array are this host's own paths: proven, never guessed (fencing rule
 * 12). A path that is gone keeps its nexus here for as long as the array has a registration of it.
 */
import type { NexusId } from '../pr/nexus.js';
import type { ReservationKey } from '../pr/reservation.js';
import { couldBe, type TransportId } from '../pr/transport-id.js';
import { type ArrayView, nextGeneration } from './array-view.js';

/** `Path.id`, or `hostPathId` where a host has one registration for all its paths. */
export type PathId = string;

/** Stands for all paths of transports that are `hostWide`. */
export const hostPathId: PathId = 'host';

export type OwnNexuses = ReadonlyMap<PathId, NexusId>;

/**
 * The nexus of the path that our REGISTER alone was sent down and answered with GOOD between two
 * views: the only one that got the key, while nothing else that counts happened.
 * @param initiator what the host itself knows of the path's port; undefined: nothing
 */
export function provenNexus(
  before: ArrayView,
  after: ArrayView,
  key: ReservationKey,
  initiator: TransportId | undefined,
): NexusId | undefined {
  if (after.generation !== nextGeneration(before.generation)) return undefined;
  const had = nexusesWith(before, key);
  const [gained, ...more] = [...nexusesWith(after, key)].filter((nexusId) => !had.has(nexusId));
  if (gained === undefined || more.length > 0) return undefined;
  const reported = after.ports.get(gained);
  const fits = initiator === undefined || reported === undefined || couldBe(initiator, reported);
  return fits ? gained : undefined;
}

/** Forgets former paths of which the array shows no registration any more. */
export function withoutForgotten(
  own: OwnNexuses,
  view: ArrayView,
  present: ReadonlySet<PathId>,
): OwnNexuses {
  const registered = new Set(view.registrations.map(({ nexusId }) => nexusId));
  const kept = [...own].filter(([id, nexusId]) => present.has(id) || registered.has(nexusId));
  return kept.length === own.size ? own : new Map(kept);
}

function nexusesWith({ registrations }: ArrayView, key: ReservationKey): Set<NexusId> {
  return new Set(
    registrations
      .filter((registration) => registration.key === key)
      .map(({ nexusId }) => nexusId)
      .filter((nexusId) => nexusId !== undefined),
  );
}
