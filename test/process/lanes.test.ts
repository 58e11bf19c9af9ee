import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { loadAddon, type NativeLane } from '../../src/native/addon.js';
import { within } from '../support/deadline.js';
import { Fifo } from '../support/fifo.js';
import { FrozenDisk } from '../support/frozen-disk.js';

/** <linux/fs.h> */
const BLKFLSBUF = 0x1261;
const BLKGETSIZE64 = 0x80081272;

const patience = 10_000;

function lane(): NativeLane {
  const made = loadAddon().createLane();
  onTestFinished(() => {
    made.end();
  });
  return made;
}

/** 'pending', unless it is settled already. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const settled = promise.then(
    () => 'resolved',
    () => 'rejected',
  );
  await turn();
  return Promise.race([settled, Promise.resolve('pending')]);
}

it('opens, asks and closes', async () => {
  const calls = lane();
  const fd = await calls.open('/dev/null', constants.O_RDONLY);
  expect(fstatSync(fd).isCharacterDevice()).toBe(true);
  const notABlockDevice = calls.ioctl(fd, BLKGETSIZE64, new Uint8Array(8), []);
  await expect(notABlockDevice).rejects.toMatchObject({
    code: 'ENOTTY',
    message: `ioctl 0x80081272 on file descriptor ${fd}: Inappropriate ioctl for device`,
  });
  await calls.close(fd);
  await expect(calls.close(fd)).rejects.toMatchObject({ code: 'EBADF' });
  await expect(calls.open('/no/such/file', constants.O_RDONLY)).rejects.toMatchObject({
    code: 'ENOENT',
    message: '/no/such/file: No such file or directory',
  });
});

it('refuses a pointer outside the argument, and calls after the end', async () => {
  const calls = lane();
  for (const offset of [-1, 1, 8]) {
    const pointers = [{ offset, buffer: new Uint8Array(8) }];
    const refused = calls.ioctl(0, BLKGETSIZE64, new Uint8Array(8), pointers);
    await expect(refused).rejects.toMatchObject({ code: 'EINVAL' });
  }
  calls.end();
  await expect(calls.close(-1)).rejects.toMatchObject({ code: 'ESHUTDOWN' });
});

it('a hanging open stalls neither another lane nor JavaScript', async () => {
  const fifo = new Fifo();
  const stuck = lane();
  const hanging = stuck.open(fifo.path, constants.O_RDONLY);
  const behind = stuck.open('/dev/null', constants.O_RDONLY);
  const other = lane();
  for (let round = 0; round < 20; round++) {
    const fd = await within(patience, 'another lane', other.open('/dev/null', constants.O_RDONLY));
    await within(patience, 'another lane', other.close(fd));
  }
  expect(await stateOf(hanging)).toBe('pending');
  expect(await stateOf(behind)).toBe('pending');
  const writer = openSync(fifo.path, constants.O_RDWR);
  closeSync(await within(patience, 'the open', hanging));
  closeSync(await within(patience, 'the open behind it', behind));
  closeSync(writer);
});

it('an ioctl that hangs where no signal reaches it stalls nothing else', async () => {
  const disk = await FrozenDisk.make();
  const device = openSync(disk.device, constants.O_RDWR);
  onTestFinished(() => {
    closeSync(device);
  });
  await disk.freeze();
  // What lies in the cache has to be written out, and the device takes no writes.
  writeSync(device, Buffer.alloc(4096, 'x'));
  const flush = lane().ioctl(device, BLKFLSBUF, new Uint8Array(0), []);
  const size = new BigUint64Array(1);
  const asked = lane().ioctl(device, BLKGETSIZE64, new Uint8Array(size.buffer), []);
  expect(await within(patience, 'another lane', asked)).toBe(0);
  expect(size[0]).toBe(32n << 20n);
  await disk.writesInFlight(1);
  expect(await stateOf(flush)).toBe('pending');
  await disk.thaw();
  expect(await within(patience, 'the flush', flush)).toBe(0);
});

/** Runs `script` with `lane` and `fifo` in a process of its own. */
async function exitOf(script: string, fifo: Fifo): Promise<{ code: unknown; output: string }> {
  const addon = new URL('../../build/release/holdfast.node', import.meta.url).pathname;
  const prologue = `const [addon, fifo] = process.argv.slice(1);
    const lane = require(addon).createLane();
    lane.open(fifo, 0).then(() => console.log('opened'));`;
  const child = spawn(process.execPath, ['-e', prologue + script, addon, fifo.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await within(patience, 'the exit', once(child, 'close'))) as [unknown];
  return { code, output };
}

it.each([
  ['process.exit()', `setImmediate(() => process.exit(3));`, 3],
  ['the end of a lane, when there is nothing else', `lane.end();`, 0],
  ['process.reallyExit, as _exit', `setImmediate(() => process.reallyExit(4));`, 4],
  [
    'a worker thread that ends with a lane of its own',
    `lane.end();
     const { Worker } = require('node:worker_threads');
     const inside = () => {
       const { workerData } = require('node:worker_threads');
       void require(workerData.addon).createLane().open(workerData.fifo, 0);
       setImmediate(() => process.exit());
     };
     new Worker('(' + inside + ')()', { eval: true, workerData: { addon, fifo } });`,
    0,
  ],
  [
    'its end while the call returns',
    `lane.end();
     const { openSync, readdirSync } = require('node:fs');
     const threads = () => readdirSync('/proc/self/task').length;
     process.on('exit', () => {
       const before = threads();
       openSync(fifo, 2);
       while (threads() === before);
     });`,
    0,
  ],
])('a hanging call holds no process back from %s', async (_name, script, code) => {
  expect(await exitOf(script, new Fifo())).toEqual({ code, output: '' });
});

it('a call that returns keeps its process until then', async () => {
  const fifo = new Fifo();
  const exit = exitOf('', fifo);
  // Waits until the process has come to the open.
  const writer = lane().open(fifo.path, constants.O_WRONLY);
  closeSync(await within(patience, 'the open', writer));
  expect(await exit).toEqual({ code: 0, output: 'opened\n' });
});

it('takes little memory', async () => {
  const status = (): number =>
    Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const lanes = Array.from({ length: 64 }, () => lane());
  const before = status();
  for (const each of lanes) closeSync(await each.open('/dev/null', constants.O_RDONLY));
  expect((status() - before) / lanes.length).toBeLessThan(64);
});
