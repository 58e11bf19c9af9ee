import { expect, it } from 'vitest';
import { command } from '../support/command.js';
import { scratchImage } from '../support/scratch.js';

const addon = new URL('../../build/release/holdfast.node', import.meta.url).pathname;

it('an exception of a listener that a native thread calls ends the process, with its stack', async () => {
  const image = scratchImage(2 ** 20);
  const script = `
    const [addon, path] = process.argv.slice(1);
    const fs = require('node:fs');
    const disk = require(addon).openDisk({
      fd: fs.openSync(path, 'r+'), path, readOnly: false, serial: 's', blockSize: 512, engine: 'sync',
      onResize: () => { throw new Error('a fault of ours'); },
    });
    fs.truncateSync(path, 2 ** 21);
    disk.refreshSize();
    setTimeout(() => {}, 10_000);`;
  const { status, stderr } = await command(process.execPath, '-e', script, addon, image);
  expect(stderr).toContain('Error: a fault of ours');
  expect(stderr).toMatch(/at .*onResize/);
  expect(status).toBe(1);
});
