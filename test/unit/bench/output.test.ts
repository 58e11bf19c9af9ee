import { describe, expect, it } from 'vitest';
import { renderPlot } from '../../../src/bench/plot.js';
import type { BenchReport, CaseResult } from '../../../src/bench/results.js';
import { renderCase } from '../../../src/bench/table.js';
import { backEnd, caseResult } from './measurements.js';

const twoRounds = caseResult(
  'throughput',
  [
    backEnd('holdfast', [
      { iops: 1_000_000, cpuUs: 0.8 },
      { iops: 1_200_000, cpuUs: 0.9 },
    ]),
    backEnd('holdfast scsi', [
      { iops: 900_000, cpuUs: 1 },
      { iops: 1_080_000, cpuUs: 1 },
    ]),
    backEnd('QEMU 11.1 <native>', [
      { iops: 500_000, cpuUs: 1.7 },
      { iops: 600_000, cpuUs: 1.7 },
    ]),
  ],
  3,
);

describe('renderCase', () => {
  it('aligns the figures and ends with the ratios', () => {
    expect(renderCase(twoRounds)).toBe(
      [
        'a-case: what it does (2 rounds, 3 thrown out)',
        '                       kIOPS  MB/s  p50 us  p99 us  p99.9 us  CPU us/IO',
        '  holdfast            1100.0  4506    18.3    30.0      45.5       0.85',
        '  holdfast scsi        990.0  4055    18.3    30.0      45.5       1.00',
        '  QEMU 11.1 <native>   550.0  2253    18.3    30.0      45.5       1.70',
        '  holdfast: IOPS 2.00 times that of QEMU 11.1 <native> (2.00-2.00 over the rounds)',
        '  holdfast: CPU per I/O 0.50 times that of QEMU 11.1 <native> (0.47-0.53 over the rounds)',
        '  holdfast scsi: IOPS 0.90 times that of holdfast (0.90-0.90 over the rounds)',
        '  holdfast scsi: CPU per I/O 1.18 times that of holdfast (1.11-1.25 over the rounds)',
        '',
      ].join('\n'),
    );
  });

  it('shows an idle server as its share of a core', () => {
    const idle = backEnd('holdfast', [{ iops: 0, cpuUs: 1000 }]);
    expect(renderCase(caseResult('idle', [idle]))).toBe(
      [
        'a-case: what it does (1 round)',
        '            CPU of a core',
        '  holdfast         0.10 %',
        '',
      ].join('\n'),
    );
  });

  it('says so when no round was quiet', () => {
    expect(renderCase(caseResult('throughput', [backEnd('holdfast', [])], 15))).toBe(
      'a-case: what it does (0 rounds, 15 thrown out)\n  the machine was never quiet enough\n',
    );
  });
});

describe('renderPlot', () => {
  const plot = (...cases: CaseResult[]): string => {
    const report: BenchReport = {
      date: '2026-11-22T00:00:00.000Z',
      machine: { cpu: 'A & B', cores: 2, kernel: '6.18', device: 'zram' },
      seconds: 3,
      cases,
    };
    return renderPlot(report);
  };

  /** Every element closed, no stray markup: enough of XML for what the plot writes. */
  const tags = (svg: string) => [...svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)];

  it('is well-formed, whatever the names hold', () => {
    const svg = plot(twoRounds, caseResult('idle', [backEnd('holdfast', [{ iops: 0 }])]));
    const open: (string | undefined)[] = [];
    for (const [, closing, name, selfClosing] of tags(svg)) {
      if (closing === '/') expect(open.pop()).toBe(name);
      else if (selfClosing !== '/') open.push(name);
    }
    expect(open).toEqual([]);
    expect(svg.replaceAll(/<[^<>]*>/g, '')).not.toMatch(/[<>]/);
    expect(svg).toContain('A &amp; B');
    expect(svg).toContain('QEMU 11.1 &lt;native&gt;');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('draws bars to scale: the largest value is as wide as a bar can be', () => {
    const svg = plot(twoRounds);
    const widths = [...svg.matchAll(/<rect x="174" y="\d+" width="([\d.]+)"/g)].map((m) =>
      Number(m[1]),
    );
    // Medians of 1.1, 0.99 and 0.55 million, where the largest value of all is 1.2 million.
    expect(widths).toEqual([183.3, 165, 91.7]);
  });

  it('marks what is ours with its ratio to the best peer', () => {
    expect(plot(twoRounds)).toMatch(/font-weight="bold"[^>]*>1100 \(2\.00x\)</);
    expect(plot(twoRounds)).toMatch(/font-weight="bold"[^>]*>990 \(1\.80x\)</);
    expect(plot(twoRounds)).not.toMatch(/>550 \(/);
  });

  it('leaves out a case without a quiet round', () => {
    const svg = plot(caseResult('throughput', [backEnd('holdfast', [])]));
    expect(svg).not.toContain('a-case');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});
