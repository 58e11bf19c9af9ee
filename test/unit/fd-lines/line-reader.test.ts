import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineReader } from '../../../src/fd-lines/line-reader.js';

describe('LineReader', () => {
  it('gives the same lines however the bytes are cut', () => {
    const lines = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }).filter(isLine));
    const cuts = fc.array(fc.nat(7), { minLength: 1 });
    fc.assert(
      fc.property(lines, cuts, (sent, sizes) => {
        const reader = new LineReader(1000);
        const bytes = Buffer.from(sent.map((line) => `${line}\n`).join(''));
        const got: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = 1 + (sizes[turn % sizes.length] ?? 0);
          got.push(...(reader.push(bytes.subarray(at, at + size)) ?? ['too long']));
          at += size;
        }
        expect(got).toEqual(sent);
        expect(reader.insideLine).toBe(false);
      }),
    );
  });

  it('takes a line of the greatest length and no longer one', () => {
    expect(new LineReader(4).push(Buffer.from('abcd\n'))).toEqual(['abcd']);
    expect(new LineReader(4).push(Buffer.from('abcde\n'))).toBeUndefined();
  });

  it('does not wait for the end of a line that is too long', () => {
    const reader = new LineReader(4);
    expect(reader.push(Buffer.from('abc'))).toEqual([]);
    expect(reader.insideLine).toBe(true);
    expect(reader.push(Buffer.from('de'))).toBeUndefined();
  });
});

function isLine(text: string): boolean {
  return !text.includes('\n');
}
