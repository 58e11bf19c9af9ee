/**
 * A guest that goes on at another host (fencing rule 22). There the nexuses of the host before count
 * as paths that are gone: they are the witnesses without which no path gets the guest's key, and
 * whatever removes the key removes theirs. A reservation that one of them holds moves to a path that
 * the guest can use. Pure.
 */
import type { ReservationKey } from '../pr/reservation.js';
import { nextPath } from './attempts.js';
import type { JournalEntry } from './journal.js';
import type { OwnNexuses, PathId } from './own-nexuses.js';
import { preemptCommand } from './registration-commands.js';
import { witnesses } from './repair.js';
import { isForeign, isHeldByAll, ownHolders, type Situation, typeToKeep } from './situation.js';
import { type Move, type Progress, send } from './step.js';

const hostBefore = 'host-before:';

/** @returns what the next host has to know, and what stays known at this one */
export function parted(entry: JournalEntry): { left: JournalEntry; kept: JournalEntry } {
  const settled = { pending: undefined, unconfirmed: new Set<PathId>() };
  return {
    left: { ...entry, ...settled },
    kept: { ...entry, ...settled, intent: undefined, owed: undefined },
  };
}

/**
 * @param left by the host before, which may be this one
 * @param here what this host knows from earlier
 */
export function joined(left: JournalEntry, here: JournalEntry): JournalEntry {
  return {
    ...here,
    intent: left.intent && { ...left.intent, holderPath: undefined },
    own: new Map([...here.own, ...nexusesBefore(left.own, here.own)]),
    owed: left.owed,
  };
}

function nexusesBefore(left: OwnNexuses, here: OwnNexuses): [PathId, string][] {
  const known = new Set(here.values());
  return [...left.values()]
    .filter((nexusId) => !known.has(nexusId))
    .map((nexusId) => [`${hostBefore}${nexusId}`, nexusId]);
}

/**
 * PREEMPT of the guest's own key down a path that has it, with the type of the reservation: it removes
 * the registrations of the host before and makes that path the holder. The paths that lose the key by
 * it are repaired next.
 * @returns undefined if no nexus of the host before holds the reservation alone, or nothing can be done
 */
export function drawMove(
  situation: Situation,
  progress: Progress,
  key: ReservationKey,
): Move | undefined {
  const isElsewhere = ownHolders(situation).some(({ id }) => id.startsWith(hostBefore));
  if (!isElsewhere || isHeldByAll(situation.view) || isForeign(situation, key)) return undefined;
  const usable = witnesses(situation, key).filter((path) => path.usable);
  const path = nextPath(progress, usable, 'preempt');
  if (path === undefined) return undefined;
  const command = preemptCommand(key, key, typeToKeep(situation.view));
  return send([{ pathId: path.id, command }], 'drained');
}
