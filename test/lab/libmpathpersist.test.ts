/** What libmpathpersist got wrong, with holdfast, and with Debian's mpathpersist beside it. */
import { readFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { checkout } from '../support/images.js';
import { holdfast, mpathpersist } from './support/contenders.js';
import { FanOutStage } from './support/fan-out-stage.js';
import { Lab } from './support/lab.js';
import { labSetups } from './support/lab-setup.js';
import { scenarios } from './support/libmpathpersist-scenarios.js';
import { allRounds } from '../support/rounds.js';
import { useLab } from './support/use-lab.js';

const kernel = '6.12';
const documentPath = `${checkout}docs/mpathpersist.md`;
const documentText = await readFile(documentPath, 'utf8');

describe('what libmpathpersist got wrong, with holdfast', () => {
  // One machine for all: they follow one another as they would on a host.
  const lab = new Lab(kernel, labSetups.loop);
  const stage = () => new FanOutStage(lab.host, holdfast);
  let failed = false;
  beforeAll(async () => {
    await lab.prepare();
    await lab.restore('libmpathpersist-holdfast');
    await holdfast.start(lab.host);
  });
  beforeEach(async ({ onTestFailed }) => {
    onTestFailed(() => {
      failed = true;
    });
    await stage().reset();
  });
  afterAll(() => lab.end(failed));

  test.each(scenarios)('$name', async ({ run, right }) => {
    expect(await run(stage())).toBe(right);
  });

  test('is what the document tells', () => {
    const rows = [...documentText.matchAll(/^\| (.+?) +\|/gm)].map(([, name]) => name);
    expect(rows.slice(2)).toEqual(scenarios.map(({ name }) => name));
  });
});

/** Of a version that changes no more, so once is enough. */
function describeMpathpersist() {
  const lab = useLab(kernel, labSetups.loop);
  const outcomes = new Map<string, string>();

  test.each(scenarios)('$name', async ({ name, run }) => {
    const stage = new FanOutStage(lab.host, mpathpersist);
    await mpathpersist.start(lab.host);
    const outcome = await run(stage);
    console.log(`${name}: ${outcome}`);
    outcomes.set(name, outcome);
  });

  test('is what the document tells', async () => {
    const version = await lab.host.run(
      "mpathpersist --help 2>&1 | sed -n 's/.*multipath-tools v//p'",
    );
    const config = await resolveConfig(documentPath);
    const generated = await format(documentWith(outcomes, version.trim().replace(/,? \(.*/, '')), {
      ...config,
      filepath: documentPath,
    });
    await expect(generated).toMatchFileSnapshot(documentPath);
  });
}

if (allRounds) describe('what libmpathpersist got wrong, with mpathpersist', describeMpathpersist);

function documentWith(outcomes: ReadonlyMap<string, string>, version: string): string {
  const rows = scenarios.map(({ name, right }) => {
    const outcome = outcomes.get(name) ?? 'failed';
    const column = (text: string) => (text === right ? 'the same' : `\`${text}\``);
    return `| ${name} | \`${right}\` | the same | ${column(outcome)} |`;
  });
  return `# holdfast and mpathpersist

What libmpathpersist, the library behind \`mpathpersist\` and qemu-pr-helper, got wrong and mended in 2025
and 2026, tried on one host: Linux ${kernel}, LIO, two paths, \`holdfast serve --pr device\` as a user without
privileges, mpathpersist ${version} with multipathd as root. Made by \`test/lab/libmpathpersist.test.ts\`.

Each row shows the answers to the commands that matter, and who is registered afterwards: the keys on this
host's two paths, then another host's; \`*\` marks who holds the reservation.

| Scenario | Right | holdfast | mpathpersist ${version} |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
