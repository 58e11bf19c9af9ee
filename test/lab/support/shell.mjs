// Runs shell.ts, which Node.js 20 can't by itself.
import { runnerImport } from 'vite';

const { module } = await runnerImport(new URL('shell.ts', import.meta.url).pathname, {
  logLevel: 'error',
});
process.exitCode = await module.shell(...process.argv.slice(2));
