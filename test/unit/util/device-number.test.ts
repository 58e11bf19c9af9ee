import { expect, it } from 'vitest';
import { deviceNumber } from '../../../src/util/device-number.js';

it.each([
  [0x700, '7:0'],
  [0x801, '8:1'],
  [0x10_3_05, '259:5'],
  // A minor above 255 has its upper bits above bit 20.
  [0xfd00 + 0x10_002c, '253:300'],
])('%i is %s', (rdev, text) => {
  expect(deviceNumber(rdev)).toBe(text);
});
