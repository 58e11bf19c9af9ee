import { closeSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openImage } from '../../../src/device/image.js';
import { defaultSerial, identityOf } from '../../../src/device/serial.js';
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

/** A device's folder in sysfs. */
function sysfs(files: Record<string, string>): string {
  const folder = scratchFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), `${text}\n`);
  }
  return folder;
}

const wwid = 'naa.60014051111111122223333444455555';

it.each([
  [
    'a multipath map is its logical unit',
    { 'dm/uuid': 'mpath-360014051111', 'slaves/sda/device/wwid': wwid },
    wwid,
  ],
  ['as over one path', { 'device/wwid': wwid }, wwid],
  [
    'a multipath map whose paths are gone',
    { 'dm/uuid': 'mpath-360014051111' },
    'mpath-360014051111',
  ],
  [
    'a logical volume is no disk below it',
    { 'dm/uuid': 'LVM-abc', 'slaves/sda/device/wwid': wwid },
    'LVM-abc',
  ],
  ['a RAM disk has none', { size: '8' }, undefined],
])('identity: %s', (_, files, identity) => {
  expect(identityOf(sysfs(files))).toBe(identity);
});
