/** Random commands of a guest and of another host. */
import fc from 'fast-check';
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

const types = [
  'write-exclusive-registrants-only',
  'exclusive-access-registrants-only',
  'write-exclusive-all-registrants',
] as const;
const type = fc.constantFrom(...types);
/** Keys of which the guest has those that are odd, and the other host the even ones. */
function commandsOf(own: bigint[], others: bigint[]): fc.Arbitrary<PrOutCommand> {
  const key = fc.constantFrom(...own);
  const keyOrNone = fc.constantFrom(...own, 0n);
  const victim = fc.constantFrom(...others, ...others, ...own, 0n);
  const aptpl = fc.boolean();
  return fc.oneof(
    { weight: 4, arbitrary: fc.tuple(keyOrNone, keyOrNone).map(([a, b]) => register(a, b)) },
    { weight: 3, arbitrary: keyOrNone.map((each) => registerAndIgnore(each)) },
    { weight: 4, arbitrary: fc.tuple(key, type).map(([a, b]) => reserve(a, b)) },
    { weight: 3, arbitrary: fc.tuple(key, type).map(([a, b]) => release(a, b)) },
    { weight: 1, arbitrary: key.map((each) => clear(each)) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(key, victim, type, aptpl)
        .map(([a, b, c, abort]) => (abort ? preemptAndAbort(a, b, c) : preempt(a, b, c))),
    },
  );
}

export const knowsItsKey = fc.oneof(
  { weight: 6, arbitrary: fc.constant(true) },
  fc.constant(false),
);
export const guestCommand = commandsOf([1n, 3n], [2n, 4n]);
export const otherCommand = commandsOf([2n, 4n], [1n, 3n]);

/** The command with its sender's own key, if it is to know that. */
export function given(command: PrOutCommand, knows: boolean, key: bigint): PrOutCommand {
  return knows && 'prkey' in command ? { ...command, prkey: key } : command;
}
