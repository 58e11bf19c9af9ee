/** A case's result as text for a terminal. */
import type { CaseResult, Comparison, Ratio, Summary } from './results.js';
import { compareKinds, compareWithPeers, summarize } from './results.js';

type Row = readonly string[];

export function renderCase(result: CaseResult): string {
  const rounds = result.backEnds[0]?.rounds.length ?? 0;
  const thrownOut = result.thrownOut === 0 ? '' : `, ${result.thrownOut} thrown out`;
  const heading = `${result.name}: ${result.title} (${count(rounds, 'round')}${thrownOut})`;
  if (rounds === 0) return `${heading}\n  the machine was never quiet enough\n`;
  const summaries = result.backEnds.map(
    ({ backEnd, rounds }) => [backEnd, summarize(rounds)] as const,
  );
  const rows =
    result.kind === 'idle'
      ? [['', 'CPU of a core'], ...summaries.map(idleRow)]
      : [
          ['', 'kIOPS', 'MB/s', 'p50 us', 'p99 us', 'p99.9 us', 'CPU us/IO'],
          ...summaries.map(loadRow),
        ];
  const failures = result.failures.map(({ backEnd, reason }) => `  ${backEnd} failed: ${reason}`);
  return [heading, ...alignColumns(rows), ...comparisonLines(result), ...failures, ''].join('\n');
}

function idleRow([label, { serverCores }]: readonly [string, Summary]): Row {
  return [label, `${(serverCores * 100).toFixed(2)} %`];
}

function loadRow([label, summary]: readonly [string, Summary]): Row {
  return [
    label,
    (summary.iops / 1000).toFixed(1),
    summary.megabytesPerSecond.toFixed(0),
    summary.p50.toFixed(1),
    summary.p99.toFixed(1),
    summary.p999.toFixed(1),
    summary.cpuPerIo?.toFixed(2) ?? '-',
  ];
}

/** The first of ours against the peers, then our others against the first. */
function comparisonLines(result: CaseResult): string[] {
  const [first] = result.backEnds;
  if (first === undefined || first.isPeer) return [];
  return [
    ...ratioLines(first.backEnd, compareWithPeers(first, result)),
    ...compareKinds(result).flatMap(({ backEnd, comparison }) => ratioLines(backEnd, comparison)),
  ];
}

function ratioLines(backEnd: string, { iops, cpuPerIo }: Comparison): string[] {
  return [
    ...(iops === undefined ? [] : [`  ${backEnd}: IOPS ${ratioText(iops)}`]),
    ...(cpuPerIo === undefined ? [] : [`  ${backEnd}: CPU per I/O ${ratioText(cpuPerIo)}`]),
  ];
}

function ratioText({ median, min, max, other }: Ratio): string {
  const range = `${min.toFixed(2)}-${max.toFixed(2)}`;
  return `${median.toFixed(2)} times that of ${other} (${range} over the rounds)`;
}

/** The first column flush left, the others flush right. */
function alignColumns(rows: readonly Row[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')}`.trimEnd(),
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
