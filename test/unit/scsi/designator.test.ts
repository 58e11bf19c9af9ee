import { describe, expect, it } from 'vitest';
import {
  derivedDesignator,
  formatDesignator,
  parseDesignator,
} from '../../../src/scsi/designator.js';

describe('parseDesignator', () => {
  it.each([
    'naa.2000112233445566',
    'naa.3000112233445566',
    'naa.5000c50012345678',
    'naa.600140512345678901234567890abcde',
    'eui.0011223344556677',
    'eui.001122334455667788990011',
    'eui.00112233445566778899001122334455',
  ])('takes %s', (text) => {
    const designator = parseDesignator(text.toUpperCase());
    expect(designator && formatDesignator(designator)).toBe(text);
  });

  it.each([
    '',
    'naa.',
    'naa.6',
    'naa.5000c5001234567',
    'naa.5000c5001234567g',
    'naa.5000c50012345678aabbccdd11223344',
    'naa.6001405123456789',
    'naa.1000112233445566',
    'naa.f000112233445566',
    'eui.00112233445566',
    'eui.001122334455667788',
    't10.ATA Disk',
    ' naa.5000c50012345678',
    'naa.5000c50012345678\n',
  ])('refuses %j', (text) => {
    expect(parseDesignator(text)).toBeUndefined();
  });
});

describe('derivedDesignator', () => {
  // The one thing that must never change: a guest would take the disk for another one.
  it('stays what it is', () => {
    expect(formatDesignator(derivedDesignator('hf0123456789abcdef01'))).toBe(
      'naa.6525400f95d8db44d51063d9ecbac91e',
    );
  });

  it('is an NAA IEEE Registered Extended name of company id 52-54-00', () => {
    for (let index = 0; index < 100; index++) {
      const text = formatDesignator(derivedDesignator(String(index)));
      expect(text).toMatch(/^naa\.6525400[0-9a-f]{25}$/);
      expect(parseDesignator(text)).toEqual(derivedDesignator(String(index)));
    }
  });

  it('differs where the seed does', () => {
    const seeds = Array.from({ length: 1000 }, (_, index) => `disk ${index}`);
    const names = new Set(seeds.map((seed) => formatDesignator(derivedDesignator(seed))));
    expect(names.size).toBe(seeds.length);
  });
});
