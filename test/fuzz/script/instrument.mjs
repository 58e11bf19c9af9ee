/** Module hooks that count which statements and branches of holdfast are reached. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createInstrumenter } from 'istanbul-lib-instrument';

const instrumenter = createInstrumenter({ esModules: true, compact: false });

export async function load(url, context, nextLoad) {
  if (!url.includes('/program/src/')) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const source = instrumenter.instrumentSync(await readFile(path, 'utf8'), path);
  return { format: 'module', source, shortCircuit: true };
}
