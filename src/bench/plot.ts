/** All cases as one SVG: for each a group of bars, one for each back end, in a column a figure. */
import {
  compareWithPeers,
  cpuPerIo,
  type BackEndResult,
  type BenchReport,
  type CaseResult,
  type Comparison,
  type Measurement,
  type Ratio,
} from './results.js';
import { spread } from './statistics.js';

interface Figure {
  title: string;
  /** Which ratio of ours to the best peer belongs to it. */
  ratio?: keyof Comparison;
  value: (measurement: Measurement) => number | undefined;
}

const thousandIops: Figure = {
  title: 'thousand I/Os a second',
  ratio: 'iops',
  value: ({ load }) => load.iops / 1000,
};
const cpu: Figure = {
  title: 'server CPU for an I/O, us (less is better)',
  ratio: 'cpuPerIo',
  value: cpuPerIo,
};
const coreShare: Figure = {
  title: 'server CPU, % of a core (less is better)',
  value: ({ load }) => load.serverCpuNs / 1e7 / load.seconds,
};
const half: Figure = {
  title: 'half of all done within, us',
  value: ({ load }) => load.latencyUs.p50,
};
const almostAll: Figure = {
  title: '99 % done within, us',
  value: ({ load }) => load.latencyUs.p99,
};

/** From left to right. */
const figures: Record<CaseResult['kind'], readonly Figure[]> = {
  throughput: [thousandIops, almostAll, cpu],
  rate: [half, almostAll, cpu],
  idle: [coreShare],
};

const margin = 24;
const labelWidth = 150;
const columnWidth = 310;
const barWidth = 200;
const barHeight = 14;
const barStep = 18;
const groupGap = 68;
const headerHeight = 76;

const medianNote =
  'Medians over the rounds, black lines from the least to the most; bars of a group are to scale; ' +
  'x: against the best qemu-storage-daemon in that figure.';

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
  const width = 2 * margin + labelWidth + 3 * columnWidth;
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
    text(margin, 64, medianNote, { colour: colours.faint }),
  ];
}

function group(result: CaseResult, top: number, width: number): string[] {
  const rule = `<path d="M${margin} ${top + 8}H${width - margin}" stroke="${colours.rule}"/>`;
  const title = text(margin, top + 30, `${result.name}: ${result.title}`, { bold: true });
  const firstBar = top + 58;
  const labels = result.backEnds.map(({ backEnd }, row) =>
    text(margin, textLine(firstBar, row), backEnd),
  );
  const columns = figures[result.kind].flatMap((figure, index) => {
    const left = margin + labelWidth + index * columnWidth;
    const heading = text(left, top + 50, figure.title, { colour: colours.faint });
    return [heading, ...bars(result, figure, left, firstBar)];
  });
  return [rule, title, ...labels, ...columns];
}

function bars(result: CaseResult, figure: Figure, left: number, top: number): string[] {
  const drawn = result.backEnds.map((backEnd) => ({
    isPeer: backEnd.isPeer,
    ratio: backEnd.isPeer ? undefined : ratioOf(figure, backEnd, result),
    values: spread(backEnd.rounds.map((measurement) => figure.value(measurement) ?? 0)),
  }));
  const largest = Math.max(...drawn.map(({ values }) => values.max));
  const x = (value: number) => round(left + (largest === 0 ? 0 : value / largest) * barWidth);
  return drawn.flatMap(({ isPeer, ratio, values: { median, min, max } }, row) => {
    const y = top + row * barStep;
    const middle = y + barHeight / 2;
    const label = figureText(median) + (ratio ? ` (${ratio.median.toFixed(2)}x)` : '');
    return [
      `<rect x="${left}" y="${y}" width="${round(x(median) - left)}" height="${barHeight}" ` +
        `fill="${isPeer ? colours.peer : colours.holdfast}"/>`,
      `<path d="M${x(min)} ${middle}H${x(max)}" stroke="${colours.whisker}"/>`,
      text(x(max) + 6, textLine(top, row), label, { bold: !isPeer }),
    ];
  });
}

function ratioOf(figure: Figure, ours: BackEndResult, result: CaseResult): Ratio | undefined {
  return figure.ratio === undefined ? undefined : compareWithPeers(ours, result)[figure.ratio];
}

/** The base line of the text that belongs to a bar. */
function textLine(top: number, row: number): number {
  return top + row * barStep + barHeight - 3;
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

/** Where each of `heights` begins when they are put below one another, and where the last ends. */
function stack(heights: readonly number[]): number[] {
  const tops = [0];
  for (const height of heights) tops.push((tops.at(-1) ?? 0) + height);
  return tops;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
