import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { command, successful } from './command.js';
import { scratchFolder } from './scratch.js';

/** A loop device, detached when the test ends. `options`: of losetup. Needs root. */
export async function loopDevice(file: string, ...options: string[]): Promise<string> {
  const path = (await successful('losetup', '--find', '--show', ...options, file)).trim();
  onTestFinished(async () => {
    await successful('losetup', '--detach', path);
  });
  return path;
}

/** Mounts a device on a scratch folder until the test ends; returns the folder. Needs root. */
export async function mounted(device: string): Promise<string> {
  const folder = scratchFolder();
  await successful('mount', device, folder);
  onTestFinished(() => unmount(folder));
  return folder;
}

/** A killed process's last I/O, and a loop device that waits for it, keep a file system busy. */
async function unmount(folder: string): Promise<void> {
  const busy = 32;
  while ((await command('umount', folder)).status === busy) await delay(10);
}
