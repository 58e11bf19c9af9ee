// setup/count.mjs vitest|doctest FILE STATUS
//
// Prints `passed failed skipped` from vitest's JSON report or doctest's console output. A run that
// exits with another STATUS than 0 counts as at least one failure: a crash reports none itself.
import { existsSync, readFileSync } from 'node:fs';

const [kind, file, status] = process.argv.slice(2);
const text = existsSync(file) ? readFileSync(file, 'utf8') : '';

function vitestCounts() {
  const report = text === '' ? {} : JSON.parse(text);
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = report;
  return [numPassedTests, numFailedTests, numPendingTests + numTodoTests];
}

function doctestCounts() {
  const line = /test cases: *\d+ \| *(\d+) passed \| *(\d+) failed \| *(\d+) skipped/.exec(text);
  return line === null ? [0, 0, 0] : line.slice(1).map(Number);
}

const [passed, failed, skipped] = kind === 'vitest' ? vitestCounts() : doctestCounts();
console.log(passed, status === '0' ? failed : Math.max(failed, 1), skipped);
