import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { scratchImage } from '../support/scratch.js';

const start = fileURLToPath(new URL('../../setup/start.sh', import.meta.url));
const MiB = 2 ** 20;

it('npm start serves the image named and prints how to attach a guest', async () => {
  const child = spawn(start, [scratchImage(MiB)], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  let stderr = '';
  while (!stderr.includes('"msg":"serving"')) {
    const [chunk] = (await once(child.stderr, 'data')) as [Buffer];
    stderr += chunk.toString();
  }
  const [, socketPath] = /"socketPath":"([^"]+)"/.exec(stderr) ?? [];
  expect(stdout).toContain(`-chardev socket,id=disk,path=${String(socketPath)}`);
  expect(stdout).toContain('-device vhost-user-scsi-pci,chardev=disk');

  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
});
