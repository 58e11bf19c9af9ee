/** Random histories on many paths, and on an array where the guest has one nexus of its own. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { Reservations } from '../emulated/support/reservations.js';
import { ownHolds, ownKeys } from './support/expectations.js';
import { given, guestCommand, knowsItsKey, otherCommand } from './support/random-commands.js';
import { foreign, guest, World } from './support/world.js';

/** Milliseconds; the runs are counted, not timed. */
const timeout = 300_000;

type Step =
  | { kind: 'guest'; command: PrOutCommand; knowsItsKey: boolean }
  | { kind: 'other'; command: PrOutCommand; knowsItsKey: boolean }
  | { kind: 'fail' | 'heal' | 'replace'; path: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('guest' as const),
      command: guestCommand,
      knowsItsKey,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('other' as const),
      command: otherCommand,
      knowsItsKey,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('fail' as const, 'heal' as const, 'replace' as const),
      path: fc.nat({ max: 2 }),
    }),
  },
);

function keyIn(model: Reservations, nexusId: string): bigint {
  return model.registrations.find(({ nexus }) => nexus.id === nexusId)?.key ?? 0n;
}

/** Registrations and reservation, the guest's paths as one. */
function seen(world: World, names: readonly string[]): unknown {
  const keys = names.map((name) => world.array.keyOf(world.path(name).nexus));
  const { reservation } = world.array.state;
  return {
    guest: [...new Set(keys)],
    other: world.array.keyOf(foreign),
    type: reservation?.type,
    guestHolds: ownHolds(world),
  };
}

function expected(model: Reservations): unknown {
  const holders = model.registrations.filter(({ reservation }) => reservation !== undefined);
  return {
    guest: [keyIn(model, guest.id)],
    other: keyIn(model, foreign.id),
    type: holders[0]?.reservation?.type,
    guestHolds: holders.some(({ nexus }) => nexus.id === guest.id),
  };
}

it('a guest on many paths that come and go is one nexus', { timeout }, async () => {
  const kinds = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25, size: 'max' }),
      fc.boolean(),
      fc.boolean(),
      async (history, swallows, sequential) => {
        const world = await World.open({ paths: ['p0', 'p1', 'p2'], sequential });
        const slots = ['p0', 'p1', 'p2'];
        const down = new Set<number>();
        let logins = 3;
        world.array.swallowsAttentions = swallows;
        const model = new Reservations();
        let lost = false;
        for (const each of history) {
          switch (each.kind) {
            case 'other': {
              const command = given(each.command, each.knowsItsKey, keyIn(model, foreign.id));
              const before = keyIn(model, guest.id);
              expect(world.other(command)).toBe(model.run(foreign, command));
              if (before !== 0n && keyIn(model, guest.id) === 0n) lost = true;
              break;
            }
            case 'fail':
              if (down.size >= 2) break;
              down.add(each.path);
              await world.fail(slots[each.path] ?? '');
              break;
            case 'heal':
              down.delete(each.path);
              await world.heal(slots[each.path] ?? '');
              break;
            case 'replace': {
              // A new login: another nexus, and the old one is dead. Never the last that works.
              if (down.size >= 2) break;
              world.removePath(slots[each.path] ?? '');
              slots[each.path] = `p${logins++}`;
              down.delete(each.path);
              world.addPath(slots[each.path] ?? '');
              await world.noticePaths();
              break;
            }
            case 'guest': {
              const told = world.attentions();
              let outcome = '';
              const command = given(each.command, each.knowsItsKey, keyIn(model, guest.id));
              if (told.length === 0) outcome = await world.run(command);
              const heard = outcome.startsWith('6/2a') ? [outcome] : told;
              if (heard.length > 0) {
                // Exactly one for a lost registration; one for a released reservation may be there.
                if (lost) expect(heard).toEqual([expect.stringMatching(/^6\/2a\/0[35]$/)]);
                else expect(heard).toEqual(['6/2a/04']);
                lost = false;
                break;
              }
              expect(lost).toBe(false);
              const answer = model.run(guest, command);
              kinds.set(answer, (kinds.get(answer) ?? 0) + 1);
              expect(outcome).toBe(answer);
              expect(world.attentions()).toEqual([]);
            }
          }
          const working = slots.filter((_, index) => !down.has(index));
          // Dead nexuses never have another key than the live ones.
          expect(seen(world, working)).toEqual(expected(model));
          const stray = ownKeys(world).filter((key) => key !== 0n);
          expect(stray.filter((key) => key !== keyIn(model, guest.id))).toEqual([]);
          expect(world.gate.isOpen).toBe(true);
        }
        world.kill();
      },
    ),
    { numRuns: 400 },
  );
  for (const answer of ['good', 'conflict', '5/26/00', '5/26/04']) {
    expect(kinds.get(answer), answer).toBeGreaterThan(5);
  }
});
