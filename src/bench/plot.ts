/** All cases as one SVG: for each a group of bars, a bar for each back end, a column for each figure. */
import { cpuPerIo, type BenchReport, type CaseResult, type Measurement } from './results.js';
import { spread } from './statistics.js';

interface Column {
  title: string;
  /** What the bar shows of one measurement; undefined where the case has no such figure. */
  figure: (measurement: Measurement, kind: CaseResult['kind']) => number | undefined;
}

const columns: readonly Column[] = [
  {
    title: 'thousand I/Os a second (more is better)',
    figure: ({ load }, kind) => (kind === 'throughput' ? load.iops / 1000 : undefined),
  },
  {
    title: '99 % done within, microseconds (less is better)',
    figure: ({ load }, kind) => (kind === 'idle' ? undefined : load.latencyUs.p99),
  },
  {
    title: 'server CPU for an I/O, microseconds (less is better)',
    figure: (measurement) => cpuPerIo(measurement),
  },
  {
    title: 'server CPU, % of a core (less is better)',
    figure: ({ load }, kind) =>
      kind === 'throughput' ? undefined : load.serverCpuNs / 1e7 / load.seconds,
  },
];

const margin = 24;
const labelWidth = 150;
const columnWidth = 300;
const barWidth = 200;
const barHeight = 14;
const barStep = 18;
const groupGap = 44;
const headerHeight = 96;

const colours = {
  text: '#1f2328',
  faint: '#59636e',
  holdfast: '#0969da',
  peer: '#afb8c1',
  whisker: '#1f2328',
  rule: '#d1d9e0',
};

export function renderPlot(report: BenchReport): string {
  const cases = report.cases.filter(({ backEnds }) => (backEnds[0]?.rounds.length ?? 0) > 0);
  const width = 2 * margin + labelWidth + columns.length * columnWidth;
  const tops = stack(cases.map(({ backEnds }) => groupGap + backEnds.length * barStep));
  const height = headerHeight + (tops.at(-1) ?? 0) + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    ...header(report),
    ...cases.flatMap((result, index) => group(result, headerHeight + (tops[index] ?? 0), width)),
    '</svg>',
    '',
  ].join('\n');
}

function header({ date, machine, seconds }: BenchReport): string[] {
  const where = `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}`;
  const what = `${machine.device}; runs of ${seconds} s, ${date.slice(0, 10)}`;
  return [
    text(margin, 30, 'holdfast and qemu-storage-daemon', { size: 18, bold: true }),
    text(margin, 48, `${what}; ${where}`, { colour: colours.faint }),
    text(margin, 64, 'Medians; lines from the least to the most. To scale within each group.', {
      colour: colours.faint,
    }),
    ...columns.map(({ title }, column) => text(columnLeft(column), 88, title, { bold: true })),
  ];
}

function group(result: CaseResult, top: number, width: number): string[] {
  const rule = `<path d="M${margin} ${top + 8}H${width - margin}" stroke="${colours.rule}"/>`;
  const title = text(margin, top + 28, `${result.name}: ${result.title}`, { bold: true });
  const firstBar = top + 36;
  const labels = result.backEnds.map(({ backEnd }, row) =>
    text(margin, firstBar + row * barStep + barHeight - 3, backEnd),
  );
  const bars = columns.flatMap((column, index) => columnBars(result, column, index, firstBar));
  return [rule, title, ...labels, ...bars];
}

function columnBars(result: CaseResult, column: Column, index: number, top: number): string[] {
  const spreads = result.backEnds.map(({ rounds }) => {
    const values = rounds.map((measurement) => column.figure(measurement, result.kind));
    const known = values.filter((value) => value !== undefined);
    return known.length === values.length ? spread(known) : undefined;
  });
  const largest = Math.max(...spreads.map((one) => one?.max ?? 0));
  const left = columnLeft(index);
  return spreads.flatMap((one, row) => {
    if (one === undefined) return [];
    const x = (value: number) => round(left + (largest === 0 ? 0 : (value / largest) * barWidth));
    const y = top + row * barStep;
    const middle = y + barHeight / 2;
    const colour = row === 0 ? colours.holdfast : colours.peer;
    return [
      `<rect x="${left}" y="${y}" width="${round(x(one.median) - left)}" height="${barHeight}" fill="${colour}"/>`,
      `<path d="M${x(one.min)} ${middle}H${x(one.max)}" stroke="${colours.whisker}"/>`,
      text(x(one.max) + 6, y + barHeight - 3, figureText(one.median)),
    ];
  });
}

interface TextStyle {
  size?: number;
  bold?: boolean;
  colour?: string;
}

function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 12, bold = false, colour = colours.text } = style;
  const weight = bold ? ' font-weight="bold"' : '';
  return `<text x="${x}" y="${y}" font-size="${size}"${weight} fill="${colour}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Three significant digits, without an exponent. */
function figureText(value: number): string {
  const decimals = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(value)));
  return value.toFixed(Math.min(decimals, 3));
}

function columnLeft(column: number): number {
  return margin + labelWidth + column * columnWidth;
}

/** Where each of `heights` begins when they are put below one another, and where the last ends. */
function stack(heights: readonly number[]): number[] {
  const tops = [0];
  for (const height of heights) tops.push((tops.at(-1) ?? 0) + height);
  return tops;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
