/** docs/libvhost-user.md: what two back ends made of the same sessions. */
import { type Difference } from './libvhost-user-differences.js';
import { type Comparison, type Outcome } from './vhost-user-sessions.js';

export function differs({ ours, theirs }: Comparison): boolean {
  return (
    theirs.death !== '' ||
    ours.death !== '' ||
    String(ours.transcript) !== String(theirs.transcript)
  );
}

const longest = 60;
const isEnd = (line: string) => line.endsWith('the connection ends');

/** Where the two part, in a few words. */
function summary(of: Outcome, other: Outcome): string {
  const place = of.transcript.findIndex((line, index) => line !== other.transcript[index]);
  const line = of.transcript[place] ?? of.transcript.at(-1) ?? '';
  const text = line.length > longest ? `${line.slice(0, longest)}...` : line;
  const death = of.death === '' ? '' : `the process dies: ${of.death}`;
  const endsLater = !isEnd(line) && of.transcript.some(isEnd);
  return [text, endsLater ? 'the connection ends' : '', death]
    .filter((part) => part !== '')
    .join('; ');
}

function table(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(
    ({ session, ours, theirs }) =>
      `| ${session.name} | ${summary(theirs, ours)} | ${summary(ours, theirs)} |`,
  );
  return ['| Session | libvhost-user | holdfast |', '| --- | --- | --- |', ...rows].join('\n');
}

/** How many sessions libvhost-user answered as holdfast did, died of, gave up in, or else. */
export function figuresOf(comparisons: readonly Comparison[]) {
  const different = comparisons.filter(differs);
  const died = different.filter(({ theirs }) => theirs.death !== '').length;
  const gaveUp = different.filter(
    ({ ours, theirs }) =>
      theirs.death === '' && theirs.transcript.some(isEnd) && !ours.transcript.some(isEnd),
  ).length;
  return {
    all: comparisons.length,
    alike: comparisons.length - different.length,
    died,
    gaveUp,
    otherwise: different.length - died - gaveUp,
  };
}

function figuresTable(comparisons: readonly Comparison[]): string {
  const { all, alike, died, gaveUp, otherwise } = figuresOf(comparisons);
  return `| Sessions | ${all} |
| --- | --- |
| answered alike | ${alike} |
| libvhost-user dies: a wild access, SIGBUS, SIGPIPE, a failed assertion | ${died} |
| libvhost-user gives the device up and ends, holdfast goes on | ${gaveUp} |
| answered otherwise | ${otherwise} |`;
}

export function documentOf(
  comparisons: readonly Comparison[],
  differences: readonly Difference[],
): string {
  const sections = differences.map(({ why, sessions }) => {
    const members = comparisons.filter(({ session }) => sessions.includes(session.name));
    return `**${why}.**\n\n${table(members)}`;
  });
  const alike = comparisons
    .filter((comparison) => !differs(comparison))
    .map(({ session }) => session);
  const groups = [...new Set(alike.map(({ group }) => group))].map((group) => {
    const names = alike.filter((session) => session.group === group).map(({ name }) => name);
    return `- ${group}: ${names.join('; ')}`;
  });
  return `# holdfast and libvhost-user

libvhost-user is QEMU's library for vhost-user back ends. The same sessions of a scripted front end
(\`test/sessions\`) were held with vhost-user-blk of Debian 12's QEMU source (7.2), which stands on it, and
with \`holdfast serve\`. Made by \`test/lab/libvhost-user.test.ts\`, which fails when anything here is true no
longer.

vhost-user-blk serves one connection, so each session had a process of its own; it was built with
AddressSanitizer, which ends it at a wild access that might else go on for a while. When it gives the device
up, that is its process' end, too: the library marks the device as broken, and leaves the rest to the
program. Of holdfast one process held all sessions, one after the other.

${figuresTable(comparisons)}

## Answered otherwise

Where the two part, and what became of the connection and the process then.

${sections.join('\n\n')}

## Answered alike

${groups.join('\n')}
`;
}
