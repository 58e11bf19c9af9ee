import { fileURLToPath } from 'node:url';
import { successful } from './command.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Runs `holdfast pr ARGUMENTS` on the server behind a control socket; returns what it printed. */
export function holdfastPr(controlSocket: string, ...args: string[]): Promise<string> {
  return successful(process.execPath, main, 'pr', ...args, '--control-socket', controlSocket);
}
