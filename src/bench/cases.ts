/** What is measured: each case is one way to load a back end. */

export interface BenchCase {
  name: string;
  title: string;
  /** What counts: requests done, CPU at a given rate, or CPU of a guest that asks for nothing. */
  kind: 'throughput' | 'rate' | 'idle';
  /** Needs a device that may be written. */
  writes: boolean;
  /** Bytes a request moves. */
  blockSize: number;
  /** Of holdfast-loadgen. */
  loadArguments: readonly string[];
}

/** How a case is spelt below: 4 KiB random reads on one queue unless it says otherwise. */
interface Load {
  readPercent?: number;
  blockSize?: number;
  depth: number;
  queues?: number;
}

function throughput(name: string, title: string, load: Load): BenchCase {
  const { readPercent = 100, blockSize = 4096, depth, queues = 1 } = load;
  const values = { read: readPercent, 'block-size': blockSize, depth, queues };
  return {
    name,
    title,
    kind: 'throughput',
    writes: readPercent < 100,
    blockSize,
    loadArguments: Object.entries(values).flatMap(([option, value]) => [
      `--${option}`,
      String(value),
    ]),
  };
}

function fixedRate(name: string, perSecond: number): BenchCase {
  return {
    name,
    title: `4 KiB random reads at ${perSecond.toLocaleString('en')} a second`,
    kind: 'rate',
    writes: false,
    blockSize: 4096,
    // Depth for the back end to fall behind without delaying the next request.
    loadArguments: ['--rate', String(perSecond), '--depth', '32'],
  };
}

export const benchCases: readonly BenchCase[] = [
  throughput('randread-qd1', '4 KiB random reads, one at a time', { depth: 1 }),
  throughput('randread-qd32', '4 KiB random reads, 32 in flight', { depth: 32 }),
  throughput('randread-qd128', '4 KiB random reads, 128 in flight', { depth: 128 }),
  throughput('randwrite-qd32', '4 KiB random writes, 32 in flight', { depth: 32, readPercent: 0 }),
  throughput('randrw70-qd32', '4 KiB random, 70 % reads, 32 in flight', {
    depth: 32,
    readPercent: 70,
  }),
  throughput('read128k-qd16', '128 KiB random reads, 16 in flight', {
    depth: 16,
    blockSize: 128 * 1024,
  }),
  throughput('queues-2', '2 queues, 4 KiB random reads, 32 in flight each', {
    depth: 32,
    queues: 2,
  }),
  throughput('queues-4', '4 queues, 4 KiB random reads, 32 in flight each', {
    depth: 32,
    queues: 4,
  }),
  throughput('queues-8', '8 queues, 4 KiB random reads, 32 in flight each', {
    depth: 32,
    queues: 8,
  }),
  fixedRate('rate-1k', 1000),
  fixedRate('rate-5k', 5000),
  fixedRate('rate-20k', 20_000),
  {
    name: 'idle',
    title: 'a connected guest that asks for nothing',
    kind: 'idle',
    writes: false,
    blockSize: 4096,
    loadArguments: ['--idle'],
  },
];

/** As many as the case with the most of them uses. */
export const mostQueues = 8;

/**
 * The cases of a comma-separated list of names, in the order of `benchCases`.
 * @throws RangeError naming what is unknown.
 */
export function casesByName(list: string): BenchCase[] {
  const wanted = new Set(list.split(','));
  for (const name of wanted) {
    if (!benchCases.some((one) => one.name === name)) {
      throw new RangeError(`there is no case '${name}'`);
    }
  }
  return benchCases.filter((one) => wanted.has(one.name));
}
