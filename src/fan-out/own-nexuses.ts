/**
 * Which I_T nexuses of the array are this host's own paths: proven, never guessed (fencing rule
 * 12). A path that is gone keeps its nexus here for as long as the array has a registration of it.
 */
import type { RegisterCommand } from '../pr/command.js';
import type { NexusId } from '../pr/nexus.js';
import type { ReservationKey } from '../pr/reservation.js';
import { couldBe, type TransportId } from '../pr/transport-id.js';
import { type ArrayView, nextGeneration } from './array-view.js';

/** `Path.id`, or `hostPathId` where a host has one registration for all its paths. */
export type PathId = string;

/** Stands for all paths of transports that are `hostWide`. */
export const hostPathId: PathId = 'host';

export type OwnNexuses = ReadonlyMap<PathId, NexusId>;

/** A REGISTER that alone was sent, and answered with GOOD, between two looks. */
export interface Proof {
  readonly before: ArrayView;
  readonly after: ArrayView;
  readonly command: RegisterCommand;
  /** Nexuses that are known to be other paths of this host. */
  readonly own: ReadonlySet<NexusId>;
  /** What the host itself knows of the path's port; undefined: nothing. */
  readonly initiator: TransportId | undefined;
}

/**
 * The nexus of the path it was sent down: the only one that got the key, while nothing else that
 * counts happened. If the path had the key before: the only one that has it, then and now.
 */
export function provenNexus(proof: Proof): NexusId | undefined {
  const { before, after, command, initiator } = proof;
  if (after.generation !== nextGeneration(before.generation)) return undefined;
  const had = nexusesWith(before, command.serviceActionKey, proof.own);
  const has = nexusesWith(after, command.serviceActionKey, proof.own);
  const repeated = command.prkey === command.serviceActionKey;
  const [found, ...more] = [...has].filter((nexusId) => had.has(nexusId) === repeated);
  if (found === undefined || more.length > 0) return undefined;
  const reported = after.ports.get(found);
  const fits = initiator === undefined || reported === undefined || couldBe(initiator, reported);
  return fits ? found : undefined;
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

function nexusesWith(
  { registrations }: ArrayView,
  key: ReservationKey,
  own: ReadonlySet<NexusId>,
): Set<NexusId> {
  return new Set(
    registrations
      .filter((registration) => registration.key === key)
      .map(({ nexusId }) => nexusId)
      .filter((nexusId) => nexusId !== undefined)
      .filter((nexusId) => !own.has(nexusId)),
  );
}
