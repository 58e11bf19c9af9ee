/** What the array must show once a command was executed. */
import type { PrOutCommand } from '../../../../src/pr/command.js';
import type { World } from './world.js';

/** What every path of the guest has once a command was executed. */
export function keyAfter(command: PrOutCommand, before: bigint, holds: boolean): bigint {
  switch (command.action) {
    case 'register':
    case 'register-and-ignore-existing-key':
      return command.serviceActionKey;
    case 'clear':
      return 0n;
    case 'preempt':
      return command.serviceActionKey === before && !holds ? 0n : before;
    default:
      return before;
  }
}

export function holderAfter(command: PrOutCommand, key: bigint, holds: boolean): boolean {
  if (key === 0n) return false;
  if (command.action === 'reserve') return true;
  if (command.action === 'release') return false;
  if (command.action === 'preempt' && command.serviceActionKey === 0n) return true;
  return holds;
}

export function ownKeys(world: World): bigint[] {
  return [...new Set(world.paths.map(({ nexus }) => world.array.keyOf(nexus)))];
}

export function ownHolds(world: World): boolean {
  const { reservation, registrations } = world.array.state;
  if (reservation === undefined) return false;
  return world.paths.some(({ nexus }) =>
    reservation.holder === undefined
      ? registrations.has(nexus.id)
      : reservation.holder === nexus.id,
  );
}
