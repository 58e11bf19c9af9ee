import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';

import { labKernels } from '../../support/images.js';
import { Lab } from './lab.js';
import { type LabMachine } from './lab-machine.js';
import { labSetups } from './lab-setup.js';

const scriptMilliseconds = 3_600_000;

/** See test/lab/shell.sh. Returns the exit code. */
export async function shell(kernelName: string, setupName: string): Promise<number> {
  const kernel = labKernels.find((name) => name === kernelName);
  const setup = Object.values(labSetups).find(({ name }) => name === setupName);
  if (kernel === undefined || setup === undefined) {
    console.error(`kernels: ${labKernels.join(' ')}\nset-ups: ${Object.keys(labSetups).join(' ')}`);
    return 2;
  }
  const lab = new Lab(kernel, setup);
  await lab.prepare();
  try {
    await lab.restore(`shell-${process.pid}`);
    if (process.stdin.isTTY) {
      await interactive(lab);
      return 0;
    }
    return await runAll(lab, await text(process.stdin));
  } finally {
    await lab.end(false);
  }
}

async function interactive(lab: Lab): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'lab# ' });
  let machine = lab.host;
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() === '@peer') machine = lab.peer;
    else if (line.trim() === '@host') machine = lab.host;
    else await runOne(machine, line);
    lines.prompt();
  }
}

async function runAll(lab: Lab, script: string): Promise<number> {
  for (const part of script.split(/^(?=@(?:host|peer)$)/m)) {
    const [, name, body = ''] = /^(?:@(host|peer)\n)?([^]*)$/.exec(part) ?? [];
    if (!(await runOne(name === 'peer' ? lab.peer : lab.host, body))) return 1;
  }
  return 0;
}

async function runOne(machine: LabMachine, script: string): Promise<boolean> {
  try {
    process.stdout.write(await machine.run(script, scriptMilliseconds));
    return true;
  } catch (error) {
    console.error((error as Error).message);
    return false;
  }
}
