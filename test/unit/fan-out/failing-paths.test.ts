/** A path that fails before, during and after every step of every command, in every way. */
import { describe, expect, it } from 'vitest';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { registerAndIgnore } from '../emulated/support/commands.js';
import { explore } from './support/explore.js';
import type { Condition } from './support/simulated-path.js';
import { holderAfter, keyAfter, ownHolds, ownKeys } from './support/expectations.js';
import { commands, type SetUp } from './support/situations.js';
import { World } from './support/world.js';

async function failing(
  setUp: SetUp,
  command: PrOutCommand,
  name: string,
  condition: Condition,
): Promise<Set<string>> {
  const answers = new Set<string>();
  await explore(async (choose) => {
    const world = await World.open();
    await setUp(world);
    const before = world.array.keyOf(world.path('b').nexus);
    const heldBefore = ownHolds(world);
    world.scheduler.add('failure', () => {
      world.path(name).condition = condition;
    });
    world.choose = choose;
    const answer = await world.run(command);
    await world.quiet();
    world.choose = () => 0;
    const story = `${answer}: ${world.scheduler.history.filter((name) => !/read|probe/.test(name)).join(', ')} | ${world.array.text}`;
    answers.add(answer);
    const answeredState = world.array.text;

    await world.pass(30_000);
    for (const { id } of world.paths) await world.heal(id);
    await world.pass(30_000);
    const healed = `${story} | ${answeredState} | ${world.array.text}`;
    const after = keyAfter(command, before, heldBefore);
    const holdsAfter = holderAfter(command, after, heldBefore);
    const executed = ownKeys(world)[0] === after && ownHolds(world) === holdsAfter;
    const untouched = ownKeys(world)[0] === before && ownHolds(world) === heldBefore;
    expect(ownKeys(world), healed).toHaveLength(1);
    if (answer === 'good') expect(executed, healed).toBe(true);
    if (answer === 'busy' || answer === 'conflict') expect(untouched, healed).toBe(true);
    expect(world.gate.isOpen, healed).toBe(true);
    expect(world.faults, healed).toEqual([]);

    world.attentions();
    expect(await world.run(registerAndIgnore(9n)), healed).toBe('good');
    expect(ownKeys(world), healed).toEqual([9n]);
    world.kill();
  });
  return answers;
}

describe.each<[string, Condition]>([
  ['goes down', 'down'],
  ['executes late', 'hangs'],
  ['executes, and the answer is late', 'deaf'],
  ['loses commands without a word', 'mute'],
])('a path that %s', (_, condition) => {
  it.each(commands)('during %s', async (__, setUp, command) => {
    for (const name of ['a', 'b']) {
      const answers = await failing(setUp, command, name, condition);
      expect([...answers].filter((answer) => !/good|busy|b\/08\/01/.test(answer))).toEqual([]);
    }
  });
});
