/**
 * run.js [libFuzzer's arguments...], by run.sh: calls fuzz() of targets/$FUZZ_TARGET.js with one input
 * after the other; what it throws is a finding.
 */
import { createRequire } from 'node:module';
import { Counters } from './counters.js';

interface Driver {
  run(
    args: string[],
    counters: Uint8Array,
    onInput: (input: Buffer, done: (isGood: boolean) => void) => void,
  ): void;
}

const { FUZZ_DRIVER = '', FUZZ_PROGRAM = '', FUZZ_TARGET = '' } = process.env;
const driver = createRequire(import.meta.url)(FUZZ_DRIVER) as Driver;
const { fuzz } = (await import(`./targets/${FUZZ_TARGET}.js`)) as {
  fuzz: (input: Buffer) => Promise<void>;
};

const findings: unknown[] = [];
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error) => findings.push(error));
}

async function tryOne(input: Buffer): Promise<boolean> {
  try {
    await fuzz(input);
  } catch (error) {
    findings.push(error);
  }
  if (findings.length > 0) console.error(...findings);
  return findings.length === 0;
}

const counters = new Counters();
driver.run([FUZZ_PROGRAM, ...process.argv.slice(2)], counters.bytes, (input, done) => {
  counters.reset();
  void tryOne(input).then((isGood) => {
    counters.collect();
    done(isGood);
  });
});
