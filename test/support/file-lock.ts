import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Does `work` while no other process that asks for the same lock does its own.
 * @param path of the lock, a file that is made and stays
 */
export async function exclusively<T>(path: string, work: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  try {
    const held = await Promise.race([once(holder.stdout, 'data'), ended.then(() => undefined)]);
    if (held === undefined) throw new Error(`flock ${path} failed`);
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
