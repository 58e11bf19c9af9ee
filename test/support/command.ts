import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

export interface CommandResult {
  status: number | NodeJS.Signals;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end without blocking the test's event loop; killed if the test ends first. */
export async function command(program: string, ...args: string[]): Promise<CommandResult> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const result: CommandResult = { status: 0, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (result.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (result.stderr += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals];
  result.status = code ?? signal;
  return result;
}

/** As command(), but anything other than exit code 0 fails the test. Returns stdout. */
export async function successful(program: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await command(program, ...args);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${status}: ${stderr}${stdout}`);
  return stdout;
}
