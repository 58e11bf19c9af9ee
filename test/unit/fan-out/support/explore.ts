import type { Chooser } from './world.js';

interface Choice {
  readonly taken: number;
  readonly of: number;
}

/**
 * Runs a scenario in every order of events that it can come to, depth first. Probes don't change
 * the array, so where among other events they come is not explored.
 * @returns how many runs that took
 */
export async function explore(run: (choose: Chooser) => Promise<void>): Promise<number> {
  let plan: readonly number[] | undefined = [];
  let runs = 0;
  while (plan !== undefined) {
    runs += 1;
    plan = next(await choicesOf(run, plan));
  }
  return runs;
}

async function choicesOf(
  run: (choose: Chooser) => Promise<void>,
  plan: readonly number[],
): Promise<Choice[]> {
  const choices: Choice[] = [];
  await run((names) => {
    const probe = names.findIndex((name) => name.endsWith(' probe'));
    if (probe !== -1) return probe;
    if (names.length < 2) return 0;
    const taken = plan[choices.length] ?? 0;
    choices.push({ taken, of: names.length });
    return taken;
  });
  return choices;
}

/** The first branch from the end that was not taken yet. */
function next(choices: readonly Choice[]): number[] | undefined {
  const last = choices.findLastIndex(({ taken, of }) => taken + 1 < of);
  const branch = choices[last];
  if (branch === undefined) return undefined;
  return [...choices.slice(0, last).map(({ taken }) => taken), branch.taken + 1];
}
