import type { PrOutCommand } from '../pr/command.js';
import type { ReservationKey } from '../pr/reservation.js';
import type { PathId } from './own-nexuses.js';
import { isForeign, type Situation } from './situation.js';

/** A PERSISTENT RESERVE OUT that may yet be executed (fencing rule 10). */
export interface UnsettledCommand {
  readonly pathId: PathId;
  readonly command: PrOutCommand;
}

/** Those of one logical unit; at most one on each path. */
export class UnsettledCommands {
  readonly #commands = new Set<UnsettledCommand>();
  #settlements = 0;

  get pending(): boolean {
    return this.#commands.size > 0;
  }

  get all(): readonly UnsettledCommand[] {
    return [...this.#commands];
  }

  get paths(): ReadonlySet<PathId> {
    return new Set(this.all.map(({ pathId }) => pathId));
  }

  /** Whether one of them can register a guest that has been preempted meanwhile. */
  get mayRevive(): boolean {
    return this.all.some(({ command }) => checkedKey(command) === undefined);
  }

  add(command: UnsettledCommand): void {
    this.#commands.add(command);
  }

  /** How many have settled. */
  get settlements(): number {
    return this.#settlements;
  }

  /** It returned, and can't be executed any more. */
  settled(command: UnsettledCommand): void {
    this.#commands.delete(command);
    this.#settlements += 1;
  }

  /** Drops those that a look shows can't do anything any more. */
  dropDisarmed(situation: Situation): void {
    for (const unsettled of this.all) {
      if (isDisarmed(unsettled, situation)) this.#commands.delete(unsettled);
    }
  }
}

/**
 * Its RESERVATION KEY is not its path's key (any more), or nobody's who could be that path: it will
 * end in a conflict.
 */
export function isDisarmed({ pathId, command }: UnsettledCommand, situation: Situation): boolean {
  const key = checkedKey(command);
  if (key === undefined) return false;
  const path = situation.paths.find(({ id }) => id === pathId);
  return path?.nexusId === undefined ? !isForeign(situation, key) : path.key !== key;
}

/** Undefined: it is executed whatever the path has. */
export function checkedKey(command: PrOutCommand): ReservationKey | undefined {
  if (command.action === 'register-and-ignore-existing-key') return undefined;
  return command.prkey === 0n ? undefined : command.prkey;
}
