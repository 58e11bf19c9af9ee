/** Random commands while paths fail in every way, come back as others, and the process is killed. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { preempt, register, registerAndIgnore } from '../emulated/support/commands.js';
import { textOf } from '../emulated/support/outcome-text.js';
import { ownKeys } from './support/expectations.js';
import { FencingWatch } from './support/fencing-watch.js';
import { GuestBelief } from './support/guest-belief.js';
import { given, guestCommand, otherCommand } from './support/random-commands.js';
import type { Condition } from './support/simulated-path.js';
import { registrantsOnly } from './support/situations.js';
import { foreign, guest, World } from './support/world.js';

/** Milliseconds; the runs are counted, not timed. */
const timeout = 300_000;

interface Disturbance {
  kind: Condition | 'other' | 'fence' | 'replace' | 'kill' | 'conflict';
  path: number;
  command: PrOutCommand;
}

const disturbance: fc.Arbitrary<Disturbance> = fc.record({
  kind: fc.constantFrom<Disturbance['kind'][]>(
    'works',
    'works',
    'down',
    'hangs',
    'deaf',
    'mute',
    'other',
    'other',
    'fence',
    'replace',
    'kill',
    'conflict',
  ),
  path: fc.nat({ max: 2 }),
  command: otherCommand,
});

/** One of the guest's; 0n: there is none. */
function shownKey(world: World): bigint {
  return ownKeys(world).find((key) => key !== 0n) ?? 0n;
}

it(
  'whatever happens, a fenced guest stays fenced, and all comes to order',
  { timeout },
  async () => {
    let fences = 0;
    let unrepaired = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(guestCommand, fc.array(disturbance, { maxLength: 3 })), {
          maxLength: 6,
          size: 'max',
        }),
        fc.infiniteStream(fc.nat({ max: 23 })),
        fc.record({
          paths: fc.constantFrom<string[][]>(['a', 'b'], ['a', 'b', 'c']),
          sequential: fc.boolean(),
          swallows: fc.boolean(),
          registered: fc.boolean(),
        }),
        async (history, order, { paths, sequential, swallows, registered }) => {
          const world = await World.open({ paths, sequential });
          world.other(register(0n, 2n));
          world.array.swallowsAttentions = swallows;
          if (registered) await world.registered();
          const watch = new FencingWatch(world);
          const slots = [...paths];
          let logins = 0;
          const state = { ended: false, killed: false };
          const belief = new GuestBelief(registered ? 1n : 0n);
          const disturb = ({ kind, path, command }: Disturbance): void => {
            const slot = path % slots.length;
            const name = slots[slot] ?? '';
            switch (kind) {
              case 'other':
                world.other(given(command, true, world.array.keyOf(foreign)));
                return;
              case 'fence':
                // As fencing agents do it: whatever key of the guest's the array shows now.
                world.other(preempt(world.array.keyOf(foreign), shownKey(world), registrantsOnly));
                return;
              case 'replace':
                if (world.path(name).condition !== 'works') return;
                world.removePath(name);
                slots[slot] = `${name.slice(0, 1)}${++logins}`;
                world.addPath(slots[slot] ?? '');
                world.source.dispatchEvent(new Event('change'));
                return;
              case 'kill':
                state.killed = true;
                world.kill();
                return;
              case 'conflict':
                world.gate.meetConflict();
                return;
              default:
                world.path(name).condition = kind;
            }
          };

          for (const [command, disturbances] of history) {
            world.choose = (names) => (order.next().value ?? 0) % Math.max(1, names.length);
            for (const each of disturbances) {
              world.scheduler.add(each.kind, () => {
                disturb(each);
              });
            }
            for (const attention of world.attentions()) belief.attended(attention);
            const shown = shownKey(world);
            const sent = given(command, true, belief.key(shown));
            if (belief.beginsAnew(sent, shown)) watch.forgive();
            const running = world.device.execute(guest, sent);
            state.ended = false;
            void running.then((outcome) => {
              state.ended = true;
              watch.answered();
              belief.heard(sent, textOf(outcome));
            });
            const isAnswered = () => state.ended;
            const isOver = () => isAnswered() || state.killed;
            for (let steps = 0; steps < 400 && !isOver(); steps++) {
              await world.quiet();
              if (!isOver()) world.clock.advance();
            }
            await world.quiet();
            expect(isOver()).toBe(true);
            if (state.killed) {
              state.killed = false;
              if (!isAnswered()) belief.heard(sent, undefined);
              world.choose = () => 0;
              await world.start();
            }
          }
          world.choose = () => 0;
          for (const name of slots) world.path(name).condition = 'works';
          for (const path of world.paths) path.condition = 'works';
          await world.noticePaths();
          await world.pass(60_000);

          fences += watch.fences;
          expect(watch.violations).toEqual([]);
          const keys = new Set(slots.map((name) => world.array.keyOf(world.path(name).nexus)));
          // A path that was gone before anybody could see whose nexus it was looks like another host
          // with the same key: then nothing is repaired, nor preempted where the key is also on a dead
          // nexus, and it is an administrator's business.
          const strangers = world.paths.filter(
            ({ id, nexus }) => !slots.includes(id) && world.array.keyOf(nexus) !== 0n,
          );
          if (strangers.length === 0) expect([...keys]).toHaveLength(1);
          else unrepaired += keys.size - 1;
          expect(world.gate.isOpen).toBe(true);
          expect(world.faults).toEqual([]);
          world.attentions();
          const last = await world.run(registerAndIgnore(5n));
          if (last === 'busy' && strangers.length > 0) unrepaired += 1;
          else expect(last).toBe('good');
          if (last === 'good') expect(await world.keys()).toContain(5n);
          world.kill();
        },
      ),
      { numRuns: 600 },
    );
    expect(fences).toBeGreaterThan(30);
    expect(unrepaired).toBeLessThan(10);
  },
);
