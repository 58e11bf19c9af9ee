/**
 * Who used the CPUs: the processes of the benchmark, or others. Kernel threads count as neither,
 * since those of a loop device or a file system work for whoever is being measured.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks (USER_HZ) since the machine started. */
export interface CpuSample {
  foreignTicks: number;
  stealTicks: number;
  /** Of all CPUs, idle or not. */
  allTicks: number;
}

export interface ForeignLoad {
  foreignCores: number;
  steal: number;
}

interface ProcessTicks {
  pid: number;
  parent: number;
  ticks: number;
}

/** PF_KTHREAD of the flags in /proc/PID/stat. */
const kernelThreadFlag = 0x0020_0000;

/** @param ourRoot the process whose tree is ours. */
export function sampleCpu(ourRoot: number, proc = '/proc'): CpuSample {
  const processes = readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(`${proc}/${name}/stat`));
  const ours = descendants(processes, ourRoot);
  const foreign = processes.filter(({ pid }) => !ours.has(pid));
  return {
    foreignTicks: foreign.reduce((sum, { ticks }) => sum + ticks, 0),
    ...readMachine(`${proc}/stat`),
  };
}

/** The load between two samples of a machine with `cores` CPUs. */
export function loadBetween(before: CpuSample, after: CpuSample, cores: number): ForeignLoad {
  const all = after.allTicks - before.allTicks;
  if (all === 0) return { foreignCores: 0, steal: 0 };
  const foreign = after.foreignTicks - before.foreignTicks;
  return {
    // A process whose parent ignores its end takes its time along: never less than nothing.
    foreignCores: Math.max(0, foreign / (all / cores)),
    steal: (after.stealTicks - before.stealTicks) / all,
  };
}

/**
 * A process's own time and that of the children it has waited for. A process that ends moves its
 * time to its parent, so that the sum over all of them loses nothing.
 */
function readProcess(path: string): ProcessTicks[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return []; // ended since the directory was read
  }
  // proc(5): the name is in parentheses and may hold anything, blanks and parentheses included.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  if ((field(9) & kernelThreadFlag) !== 0) return [];
  const ticks = field(14) + field(15) + field(16) + field(17);
  return [{ pid: Number.parseInt(text, 10), parent: field(4), ticks }];
}

function readMachine(path: string): { stealTicks: number; allTicks: number } {
  const [first = ''] = readFileSync(path, 'utf8').split('\n', 1);
  // user nice system idle iowait irq softirq steal; guest time is part of user's.
  const times = first.trim().split(/\s+/).slice(1, 9).map(Number);
  return { stealTicks: times[7] ?? 0, allTicks: times.reduce((sum, time) => sum + time, 0) };
}

function descendants(processes: readonly ProcessTicks[], root: number): Set<number> {
  const found = new Set([root]);
  // As many passes as the tree is deep: a child may be listed before its parent.
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid);
  }
  return found;
}
