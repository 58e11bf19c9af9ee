// setup/count.mjs vitest|doctest FILE STATUS FAILURES
//
// Prints `passed failed skipped` from vitest's JSON report or doctest's console output, and appends
// what failed to the file FAILURES. A run that exits with another STATUS than 0 counts as at least
// one failure: a crash reports none itself.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

const [kind, file, status, failuresFile] = process.argv.slice(2);
const text = existsSync(file) ? readFileSync(file, 'utf8') : '';

/** Lines of one failure that are repeated at the end of a whole run. */
const linesMax = 12;

function vitestResult() {
  const report = text === '' ? {} : JSON.parse(text);
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = report;
  const tests = (report.testResults ?? []).flatMap((suite) => [suite, ...suite.assertionResults]);
  const failures = tests
    .filter((test) => test.status === 'failed')
    .map((test) => [test.fullName ?? test.name, ...(test.failureMessages ?? [test.message])]);
  return {
    counts: [numPassedTests, numFailedTests, numPendingTests + numTodoTests],
    failures: failures.map((lines) => lines.join('\n')),
  };
}

function doctestResult() {
  const line = /test cases: *\d+ \| *(\d+) passed \| *(\d+) failed \| *(\d+) skipped/.exec(text);
  return {
    counts: line === null ? [0, 0, 0] : line.slice(1).map(Number),
    failures:
      line === null
        ? [text.slice(-4000)]
        : text.split(/^=+$/m).filter((block) => block.includes('ERROR:')),
  };
}

const { counts, failures } = kind === 'vitest' ? vitestResult() : doctestResult();
const [passed, failed, skipped] = counts;
if (status !== '0') {
  for (const failure of failures) {
    appendFileSync(failuresFile, `${failure.trim().split('\n').slice(0, linesMax).join('\n')}\n\n`);
  }
}
// Last: whoever reads this line doesn't wait for the end of the process.
console.log(passed, status === '0' ? failed : Math.max(failed, 1), skipped);
