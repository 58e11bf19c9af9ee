/**
 * libiscsi's test suite (Debian's iscsi-test-cu, unmodified) in a guest. The disk is attached twice
 * with a nexus of its own each time, and every test ends as iscsi-test-cu.txt lists it.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lioUrl, startLio } from '../support/lio-target.js';
import { useRig } from '../support/rig.js';
import { type UmlGuest } from '../support/uml-guest.js';

const gib = 1024 ** 3;
const minute = 60_000;

/** Tests that need two initiators or iSCSI itself: LIO passes their commands on to the disk. */
const overIscsi =
  /^SCSI\.(Prin|Prout|(Reserve6|ReportLUNs|MultipathIO|CompareAndWrite|Read10|Write10)\b)/;

/** Test, result and the reason that the program gives: the columns of the list. */
const listed = readFileSync(new URL('iscsi-test-cu.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.trim().replaceAll(/ {2,}/g, ' | '))
  .toSorted();

describe('iscsi-test-cu', () => {
  const rig = useRig();
  let guest: UmlGuest;
  let suites: string[];
  let obstacle = '';

  beforeAll(async () => {
    obstacle = await rig.umlObstacle();
    if (obstacle !== '') return;
    const sockets = [rig.path('one.sock'), rig.path('two.sock')];
    await rig.backEnd({
      socketPath: sockets,
      file: await rig.image('disk.img', gib),
      more: [
        ...['--device', 'scsi', '--scsi-config'],
        ...[1, 2].flatMap((n) => ['--initiator-name', `iqn.2026-11.test:node${n}`]),
      ],
    });
    const disk = sockets.map((socketPath) => ({ socketPath, device: 'scsi' as const }));
    guest = rig.uml({ software: 'iscsi', disk });
    await guest.booted();
    await guest.run(startLio(sockets.length));
    suites = (await guest.run('iscsi-test-cu --list x')).match(/^SCSI\.[^.\n]+$/gm) ?? [];
  });

  beforeEach(({ skip }) => {
    if (obstacle !== '') skip(obstacle);
  });

  it('the disk itself', async () => {
    const alone = suites.filter((suite) => !overIscsi.test(suite));
    expect(await results(alone, '/dev/sg0')).toEqual(
      listed.filter((line) => !overIscsi.test(line)),
    );
  });

  it('reservations from two nexuses, and what else needs iSCSI', async () => {
    const rest = suites.filter((suite) => overIscsi.test(suite));
    expect(await results(rest, `${lioUrl(1)} ${lioUrl(2)}`)).toEqual(
      listed.filter((line) => overIscsi.test(line)),
    );
  });

  /** Suite by suite, so that a crash takes no other one with it. */
  async function results(names: string[], devices: string): Promise<string[]> {
    const lines = [];
    for (const suite of names) lines.push(...resultsIn(await output(suite, devices)));
    return lines.toSorted();
  }

  function output(suite: string, devices: string): Promise<string> {
    // Its exit code only repeats what it prints.
    const command = `iscsi-test-cu --dataloss --Verbose-scsi --test=${suite} ${devices} 2>&1`;
    return guest.run(
      `echo ${suite}; ${command} | grep -E '^Suite: |^  Test: |SKIPPED|\\[FAILED|^passed|^FAILED|fault'`,
      5 * minute,
    );
  }
});

/** `TEST | RESULT`, and ` | REASON` if that is not just `passed`. */
function resultsIn(output: string): string[] {
  const [suite = '', ...lines] = output.split('\n');
  const results: string[] = [];
  let test = '';
  let complaint: { kind: string; reason: string } | undefined;
  for (const line of lines) {
    const begun = /^ {2}Test: (\S+) \.\.\./.exec(line);
    if (begun !== null) [test, complaint] = [begun[1] ?? '', undefined];
    const [, kind = '', reason = ''] = /\[(SKIPPED|FAILED)\] *(.*?)\s*$/.exec(line) ?? [];
    if (kind !== '') complaint ??= { kind, reason };
    const ended = /^(passed|FAILED)|fault/.exec(line);
    if (ended === null) continue;
    const skipped = ended[1] === 'passed' && complaint?.kind === 'SKIPPED';
    const result = skipped ? 'skipped' : (ended[1]?.toLowerCase() ?? 'crashed');
    results.push([`${suite}.${test}`, result, complaint?.reason ?? []].flat().join(' | '));
  }
  return results;
}
