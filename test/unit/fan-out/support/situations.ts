/** Guests in every state, and every command that a guest can give there. */
import type { PrOutCommand } from '../../../../src/pr/command.js';
import {
  clear,
  preempt,
  preemptAndAbort,
  register,
  registerAndIgnore,
  release,
  reserve,
} from '../../emulated/support/commands.js';
import type { World } from './world.js';

export const registrantsOnly = 'write-exclusive-registrants-only';
export const allRegistrants = 'write-exclusive-all-registrants';

export type SetUp = (world: World) => Promise<void>;

/** Guest 1 on all paths, host f with 2, nobody holds. */
export const registered: SetUp = async (world) => {
  await world.registered();
  world.other(register(0n, 2n));
};
export const holding: SetUp = async (world) => {
  await registered(world);
  await world.run(reserve(1n, registrantsOnly));
};
export const holdingAsAll: SetUp = async (world) => {
  await registered(world);
  await world.run(reserve(1n, allRegistrants));
};
export const holderDown: SetUp = async (world) => {
  await holding(world);
  await world.fail('a');
};
export const oneDown: SetUp = async (world) => {
  await registered(world);
  await world.fail('a');
};
export const unregistered: SetUp = async (world) => {
  world.other(register(0n, 2n));
  // The nexuses of the paths are known from an earlier registration.
  await world.registered();
  await world.run(register(1n, 0n));
};
export const unproven: SetUp = async (world) => {
  world.other(register(0n, 2n));
  await Promise.resolve();
};

export const commands: [string, SetUp, PrOutCommand][] = [
  ['REGISTER, nexuses not known', unproven, register(0n, 1n)],
  ['REGISTER', unregistered, register(0n, 1n)],
  ['REGISTER AND IGNORE', unregistered, registerAndIgnore(1n)],
  ['REGISTER AND IGNORE with another key', registered, registerAndIgnore(3n)],
  ['a change of the key', registered, register(1n, 3n)],
  ['a change of the key while holding', holding, register(1n, 3n)],
  ['a change of the key with the holder down', holderDown, register(1n, 3n)],
  ['a change of the key with a path down', oneDown, register(1n, 3n)],
  ['unregistering', registered, register(1n, 0n)],
  ['unregistering while holding', holding, register(1n, 0n)],
  ['unregistering with the holder down', holderDown, register(1n, 0n)],
  ['unregistering with a path down', oneDown, register(1n, 0n)],
  ['RESERVE', registered, reserve(1n, registrantsOnly)],
  ['RELEASE', holding, release(1n, registrantsOnly)],
  ['RELEASE with the holder down', holderDown, release(1n, registrantsOnly)],
  ['PREEMPT', registered, preempt(1n, 2n, registrantsOnly)],
  ['PREEMPT AND ABORT', holding, preemptAndAbort(1n, 2n, registrantsOnly)],
  ['PREEMPT of oneself', holding, preempt(1n, 1n, registrantsOnly)],
  ['PREEMPT of oneself, not holding', registered, preempt(1n, 1n, registrantsOnly)],
  ['PREEMPT of oneself with the holder down', holderDown, preempt(1n, 1n, registrantsOnly)],
  ['PREEMPT of all', holdingAsAll, preempt(1n, 0n, registrantsOnly)],
  ['CLEAR', holding, clear(1n)],
];
