import { readFile } from 'node:fs/promises';

import { checkout } from '../../support/images.js';
import { type LabMachine } from './lab-machine.js';

/** Puts programs of this folder, by their file names, into the machine's /run. */
export async function bring(machine: LabMachine, ...names: string[]): Promise<void> {
  for (const name of names) {
    const text = await readFile(`${checkout}test/lab/support/${name}`, 'utf8');
    await machine.write(`/run/${name}`, text);
  }
}
