// node --import: on SIGUSR2 JavaScript stands still until somebody writes to the FIFO named by
// HOLDFAST_TEST_FIFO. Both ends of that are told on stderr.
import { readFileSync, writeSync } from 'node:fs';

process.on('SIGUSR2', () => {
  writeSync(2, '{"msg":"event loop blocked"}\n');
  readFileSync(process.env.HOLDFAST_TEST_FIFO);
  writeSync(2, '{"msg":"event loop free"}\n');
});
