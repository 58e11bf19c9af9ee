import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { command, successful } from '../support/command.js';
import { loopDevice } from '../support/scratch-device.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const imageInUse = 4;

/** qemu-io with the image open, until its stdin closes. */
async function qemuIo(image: string, ...options: string[]) {
  const child = spawn('qemu-io', ['-f', 'raw', ...options, image], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  child.stdin.write('length\n');
  await once(createInterface(child.stdout), 'line');
  return child;
}

async function close(child: Awaited<ReturnType<typeof qemuIo>>): Promise<void> {
  child.stdin.end();
  await once(child, 'exit');
}

function serving(image: string, ...options: string[]): Promise<ServeProcess> {
  return ServeProcess.serving({
    args: ['--socket-path', scratchSocket(), '--blk-file', image, ...options],
  });
}

/** Starts a server that is expected to be refused, and returns the sentence it ends with. */
async function refusal(image: string, ...options: string[]): Promise<string> {
  const server = new ServeProcess({
    args: ['--socket-path', scratchSocket(), '--blk-file', image, ...options],
  });
  expect(await server.exit()).toBe(imageInUse);
  return server.log.at(-1)?.msg ?? '';
}

const targets = [
  { target: 'a file', prepare: (image: string) => Promise.resolve(image) },
  { target: 'a block device', prepare: (image: string) => loopDevice(image) },
];

describe.each(targets)('the writer lock of $target', ({ prepare }) => {
  it('keeps QEMU and its tools from writing what is served', async () => {
    const image = await prepare(scratchImage(MiB));
    const server = await serving(image);
    const lockError = /Failed to get "write" lock/;

    const io = await command('qemu-io', '-f', 'raw', '-c', 'write 0 512', image);
    expect(io.stderr).toMatch(lockError);
    const guest = await command(
      ...([
        'qemu-system-x86_64',
        '-accel',
        'tcg',
        '-nodefaults',
        '-display',
        'none',
        '-S',
      ] as const),
      ...['-drive', `file=${image},format=raw,if=virtio`],
    );
    expect(guest.stderr).toMatch(lockError);

    server.signal('SIGTERM');
    expect(await server.exit()).toBe(0);
    await successful('qemu-io', '-f', 'raw', '-c', 'write 0 512', image);
  });

  it('is not had while QEMU writes the image; the message names the process', async () => {
    const image = await prepare(scratchImage(MiB));
    const writer = await qemuIo(image);
    const message = await refusal(image);
    expect(message).toContain(`${image} is in use by process ${String(writer.pid)} (qemu-io`);

    await close(writer);
    await serving(image);
  });

  it('is had by one writing server at a time', async () => {
    const image = await prepare(scratchImage(MiB));
    const server = await serving(image);
    expect(await refusal(image)).toContain(`is in use by process ${server.pid} (`);
    expect(await refusal(image, '--read-only')).toContain(`is in use by process ${server.pid} (`);
  });

  it('is shared by readers, ours and QEMU, and keeps writers out', async () => {
    const image = await prepare(scratchImage(MiB));
    await serving(image, '--read-only');
    await serving(image, '--read-only');
    await close(await qemuIo(image, '-r'));

    expect(await refusal(image)).toContain('is in use by process ');
    const io = await command('qemu-io', '-f', 'raw', '-c', 'write 0 512', image);
    expect(io.stderr).toMatch(/Failed to get "write" lock/);
  });
});
