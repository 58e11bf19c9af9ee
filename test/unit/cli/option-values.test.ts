import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { blockSize, fileMode, integerBetween, serial } from '../../../src/cli/option-values.js';

describe.each([
  {
    name: 'integerBetween(1, 256)',
    parse: integerBetween(1, 256),
    good: { '1': 1, '256': 256 },
    bad: ['0', '257', '-1', '1.5', '1e2', '0x10', ' 1', '', 'x', '99999999999999999999'],
  },
  {
    name: 'blockSize',
    parse: blockSize,
    good: { '512': 512, '4096': 4096 },
    bad: ['0', '513', '256', '8192', '4k', ''],
  },
  {
    name: 'fileMode',
    parse: fileMode,
    good: { '0660': 0o660, '777': 0o777, '0000': 0 },
    bad: ['0680', '66', '4777', '0o660', ''],
  },
  {
    name: 'serial',
    parse: serial,
    good: { A: 'A', '12345678901234567890': '12345678901234567890' },
    bad: ['', '123456789012345678901', 'with blank', 'umläut', 'nul\0'],
  },
])('$name', ({ parse, good, bad }) => {
  it.each(Object.entries(good))('takes %s', (text, value) => {
    expect(parse(text)).toBe(value);
  });
  it.each(bad)('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(InvalidArgumentError);
  });
});
