/** What the demo prints: headings, and commands with what they answer. */
import { expect } from 'vitest';
import { type GuestProcess } from '../support/guest-process.js';

const bold = '\x1b[1m';
const dim = '\x1b[2m';
const plain = '\x1b[0m';

export function say(text: string): void {
  console.log(`\n${bold}${text}${plain}`);
}

export interface Expected {
  /** Text that the answer must contain. */
  answer?: string;
  /** The command must fail. */
  fails?: boolean;
}

/** Shows a command that `name` runs, and its answer. */
export async function show(
  name: string,
  command: string,
  run: () => Promise<string>,
  { answer, fails = false }: Expected = {},
): Promise<void> {
  console.log(`  ${name}# ${command}`);
  const [failed, output] = await run().then(
    (text) => [false, text] as const,
    (error: unknown) => [true, answerIn(String(error))] as const,
  );
  for (const line of output.trimEnd().split('\n')) {
    if (line !== '') console.log(`  ${dim}${line}${plain}`);
  }
  expect(failed, output).toBe(fails);
  if (answer !== undefined) expect(output).toContain(answer);
}

/** The same in a guest. */
export function showIn(
  node: { name: string; guest: GuestProcess },
  command: string,
  expected?: Expected,
): Promise<void> {
  return show(node.name, command, () => node.guest.run(command), expected);
}

/** What a command in a guest printed that failed: see GuestAgent. */
function answerIn(error: string): string {
  const [, rest = error] = error.split(/^exit code \d+: /m);
  return rest.split('--- its log')[0] ?? rest;
}
