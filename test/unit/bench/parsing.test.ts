import { describe, expect, it } from 'vitest';
import { benchCases, casesByName, mostQueues } from '../../../src/bench/cases.js';
import { parseLoadResult } from '../../../src/bench/load-generator.js';
import { isListening } from '../../../src/bench/server-process.js';
import { measurement } from './measurements.js';

describe('casesByName', () => {
  it('keeps the order of the benchmark', () => {
    expect(casesByName('idle,randread-qd1').map(({ name }) => name)).toEqual([
      'randread-qd1',
      'idle',
    ]);
  });

  it('names what it does not know', () => {
    expect(() => casesByName('idle,randread')).toThrow("there is no case 'randread'");
    expect(() => casesByName('')).toThrow(RangeError);
  });
});

describe('benchCases', () => {
  it('have names of their own', () => {
    expect(new Set(benchCases.map(({ name }) => name)).size).toBe(benchCases.length);
  });

  it('write only where they say so', () => {
    for (const { loadArguments, writes } of benchCases) {
      const read = loadArguments.indexOf('--read');
      expect(writes).toBe(read >= 0 && loadArguments[read + 1] !== '100');
    }
  });

  it('use no more queues than the back ends are given', () => {
    for (const { loadArguments } of benchCases) {
      const queues = loadArguments.indexOf('--queues');
      if (queues < 0) continue;
      expect(Number(loadArguments[queues + 1])).toBeLessThanOrEqual(mostQueues);
    }
  });
});

describe('parseLoadResult', () => {
  const { load } = measurement();

  it('takes what the load generator prints, and leaves the rest', () => {
    expect(parseLoadResult(JSON.stringify({ ...load, errors: 0 }))).toEqual(load);
  });

  it.each([
    ['no JSON', 'usage'],
    ['a figure missing', JSON.stringify({ ...load, serverCpuNs: undefined })],
    ['a figure that is no number', JSON.stringify({ ...load, iops: null })],
  ])('refuses %s', (_, text) => {
    expect(() => parseLoadResult(text)).toThrow();
  });
});

describe('isListening', () => {
  const line = (flags: string, path: string) =>
    `0000000000000000: 00000002 00000000 ${flags} 0001 01 43210 ${path}`;
  const heading = 'Num       RefCount Protocol Flags    Type St Inode Path';

  it('tells a listener from a connected socket and from other paths', () => {
    const table = [heading, line('00000000', '/a'), line('00010000', '/b'), ''].join('\n');
    expect(isListening(table, '/b')).toBe(true);
    expect(isListening(table, '/a')).toBe(false);
    expect(isListening(table, '/c')).toBe(false);
  });
});
