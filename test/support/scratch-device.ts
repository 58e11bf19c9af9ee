import { onTestFinished } from 'vitest';
import { successful } from './command.js';

/** A loop device that is detached when the test ends. `options`: of losetup. Needs root. */
export async function loopDevice(file: string, ...options: string[]): Promise<string> {
  const path = (await successful('losetup', '--find', '--show', ...options, file)).trim();
  onTestFinished(async () => {
    await successful('losetup', '--detach', path);
  });
  return path;
}
