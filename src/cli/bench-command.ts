/** `holdfast bench`: this checkout's back end beside qemu-storage-daemon's, on this machine. */
import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { deviceKinds, peerNames, type DeviceKind, type PeerName } from '../bench/back-ends.js';
import { bench, type BenchProgress, type Step } from '../bench/bench.js';
import { benchCases, casesByName, type BenchCase } from '../bench/cases.js';
import { renderPlot } from '../bench/plot.js';
import { cpuPerIo } from '../bench/results.js';
import { renderCase } from '../bench/table.js';
import { endWithFailure } from './end-with.js';
import { integerBetween } from './option-values.js';

/** What commander makes of the options. */
interface BenchArguments {
  cases: BenchCase[];
  rounds: number;
  seconds: number;
  device: string;
  overwrite?: true;
  kinds: DeviceKind[];
  peers: PeerName[];
  holdfastArgs: string[];
  serverCpu: number;
  clientCpu: number;
  maxForeign: number;
  json?: string;
  svg?: string;
}

/** An interrupted program's exit code by the shell's convention: 128 + SIGINT. */
const interrupted = 130;

export function benchCommand(): Command {
  return new Command('bench')
    .description("measure this machine's speed beside qemu-storage-daemon; needs root")
    .addOption(
      new Option('--cases <names>', `some of ${benchCases.map(({ name }) => name).join(',')}`)
        .argParser(caseList)
        .default([...benchCases], 'all'),
    )
    .option('--rounds <number>', 'quiet rounds of each case', integerBetween(1, 1000), 5)
    .option('--seconds <number>', 'measured seconds of each run', integerBetween(1, 3600), 3)
    .option('--device <name>', 'zram, loop, or the path of an image or block device', 'zram')
    .option('--overwrite', 'write cases too, on a device given by its path: destroys what is on it')
    .addOption(
      new Option('--kinds <names>', `of holdfast's devices, some of ${deviceKinds.join(',')}`)
        .argParser(someOf(deviceKinds))
        .default([...deviceKinds], 'both'),
    )
    .addOption(
      new Option('--peers <names>', "qemu (this machine's), qemu11 (unpacked in .cache), or none")
        .argParser(peerList)
        .default([...peerNames], 'both'),
    )
    .addOption(
      new Option('--holdfast-args <text>', 'more arguments for holdfast serve')
        .argParser(words)
        .default([], 'none'),
    )
    .option('--server-cpu <number>', 'where the back ends run', integerBetween(0, 1023), 0)
    .option('--client-cpu <number>', 'where the load generator runs', integerBetween(0, 1023), 1)
    .option(
      '--max-foreign <percent>',
      'of a core that others may use before a round is thrown out',
      integerBetween(0, 100_000),
      5,
    )
    .option('--json <file>', 'write all measurements here')
    .option('--svg <file>', 'write a plot here')
    .action(run);
}

async function run(args: BenchArguments): Promise<void> {
  const abort = new AbortController();
  const onSignal = () => {
    abort.abort();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const report = await bench({
      ...args,
      mayWrite: args.overwrite ?? false,
      holdfastArguments: args.holdfastArgs,
      // What a hypervisor takes is as foreign as what a process takes.
      limits: { foreignCores: args.maxForeign / 100, steal: args.maxForeign / 100 },
      signal: abort.signal,
      progress: terminalProgress(args),
    });
    if (args.json !== undefined) writeFileSync(args.json, JSON.stringify(report, undefined, 1));
    if (args.svg !== undefined) writeFileSync(args.svg, renderPlot(report));
  } catch (error) {
    if (abort.signal.aborted) process.exit(interrupted);
    endWithFailure('bench', error);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** Results go to stdout, what is under way to stderr. */
function terminalProgress({ rounds }: BenchArguments): BenchProgress {
  return {
    started: (device, backEnds) => {
      console.log(`on ${device}: ${backEnds.join(', ')}\n`);
    },
    measured: (step) => {
      console.error(stepLine(step, rounds));
    },
    finished: (result) => {
      console.log(renderCase(result));
    },
  };
}

function stepLine({ benchCase, round, backEnd, measurement, quiet }: Step, rounds: number): string {
  const { load, foreignCores, steal } = measurement;
  const cpu = cpuPerIo(measurement);
  return [
    `${benchCase.name} ${round}/${rounds}  ${backEnd.padEnd(20)}`,
    `${(load.iops / 1000).toFixed(1).padStart(8)} kIOPS`,
    cpu === undefined ? '' : `${cpu.toFixed(2).padStart(7)} us CPU an I/O`,
    `  others ${(foreignCores * 100).toFixed(1)} %, stolen ${(steal * 100).toFixed(1)} %`,
    quiet ? '' : ': thrown out',
  ].join('');
}

function caseList(text: string): BenchCase[] {
  try {
    return casesByName(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(`${error.message}.`);
  }
}

function peerList(text: string): PeerName[] {
  return text === 'none' ? [] : someOf(peerNames)(text);
}

/** A parser of comma-separated lists of some of `all`; keeps the order of `all`. */
function someOf<Name extends string>(all: readonly Name[]): (text: string) => Name[] {
  return (text) => {
    const names = text.split(',');
    const known = all.filter((name) => names.includes(name));
    if (known.length !== names.length) {
      throw new InvalidArgumentError(`It must be some of ${all.join(',')}.`);
    }
    return known;
  };
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}
