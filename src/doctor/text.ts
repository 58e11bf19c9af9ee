/** The doctor's findings for people to read. */
import type { Examination } from './doctor.js';
import type { Finding } from './finding.js';

const marks = { good: 'ok    ', better: 'better', bad: 'MUST  ' } as const;

export function examinationsText(examinations: readonly Examination[]): string {
  return [...examinations.map(examinationText), summary(examinations)].join('\n\n');
}

function examinationText({ subject, findings }: Examination): string {
  return [subject, ...findings.flatMap(findingLines)].join('\n');
}

function findingLines({ verdict, topic, what, why, advice }: Finding): string[] {
  const lines = [`  ${marks[verdict]}  ${topic}: ${what}`];
  if (why !== undefined) lines.push(`          why it matters: ${why}`);
  if (advice !== undefined) lines.push(`          what to do: ${advice}`);
  return lines;
}

function summary(examinations: readonly Examination[]): string {
  const all = examinations.flatMap(({ findings }) => findings);
  const bad = all.filter(({ verdict }) => verdict === 'bad').length;
  const better = all.filter(({ verdict }) => verdict === 'better').length;
  const rest = better > 0 ? `${things(better)} could be better.` : undefined;
  if (bad > 0) return [`${things(bad)} must be mended.`, rest].filter(Boolean).join(' ');
  return rest === undefined ? 'All is well.' : `All works; ${rest}`;
}

function things(count: number): string {
  return count === 1 ? '1 thing' : `${count} things`;
}
