/**
 * Whether the array shows what a command would have done, when nobody knows whether it was executed
 * (fencing rule 18). Pure.
 */
import type { PrOutCommand } from '../pr/command.js';
import { isHeldByAll, ownHolders, ownWith, type Situation } from './situation.js';
import type { Progress } from './step.js';

export function effectIsThere(
  command: PrOutCommand,
  situation: Situation,
  { key, before }: Pick<Progress, 'key' | 'before'>,
): boolean {
  const { view, paths } = situation;
  switch (command.action) {
    case 'register':
    case 'register-and-ignore-existing-key': {
      const target = command.serviceActionKey;
      if (target === 0n) return paths.every((path) => path.key === 0n);
      const reachable = paths.filter(({ usable }) => usable);
      return reachable.length > 0 && reachable.every((path) => path.key === target);
    }
    case 'reserve':
      return (
        ownWith(situation, key).length > 0 &&
        ownHolders(situation).length > 0 &&
        view.type === command.type
      );
    case 'release':
      return ownHolders(situation).length === 0;
    case 'clear':
      return view.registrations.length === 0;
    case 'preempt': {
      const victim = command.serviceActionKey;
      const took = ownHolders(situation).length > 0 && view.type === command.type;
      const victimHeld =
        !isHeldByAll(before) && before.registrations.some((one) => one.holds && one.key === victim);
      // Who preempts himself keeps his registration only by taking the reservation over.
      if (victim === key) return victimHeld ? took : ownWith(situation, key).length === 0;
      const gone = !view.registrations.some((one) => one.key === victim);
      const tookAll = victim === 0n && view.registrations.every((one) => one.key === key);
      return (
        ownWith(situation, key).length > 0 &&
        (victim === 0n ? tookAll && took : gone && (!victimHeld || took))
      );
    }
    // What was aborted can't be read, nor who was moved to and has moved on since.
    case 'preempt-and-abort':
    case 'register-and-move':
    case 'replace-lost-reservation':
      return false;
  }
}
