import { closeSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openImage } from '../../../src/device/image.js';
import { defaultSerial } from '../../../src/device/serial.js';
import { scratchFolder } from '../../support/scratch.js';

function serialOf(path: string): string {
  const image = openImage(path, true);
  onTestFinished(() => {
    closeSync(image.fd);
  });
  return defaultSerial(image);
}

it('has 20 characters and depends on the real path alone', () => {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'a'), 'one');
  writeFileSync(join(folder, 'b'), 'one');
  symlinkSync('a', join(folder, 'link'));
  const serial = serialOf(join(folder, 'a'));

  expect(serial).toMatch(/^hf[0-9a-f]{18}$/);
  expect(serialOf(join(folder, 'b'))).not.toBe(serial);
  expect(serialOf(join(folder, 'link'))).toBe(serial);
  writeFileSync(join(folder, 'a'), 'other content');
  expect(serialOf(join(folder, 'a'))).toBe(serial);
});
