import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds; memory in KiB, without what it maps of files and of guests. */
export interface ProcessFigures {
  fds: number;
  /** Without io_uring's own workers, which the kernel starts and ends as it pleases. */
  threads: number;
  maps: number;
  /** Of those, what is shared: guests' memory, dirty logs, inflight regions, rings of io_uring. */
  sharedMaps: number;
  anonymousKib: number;
}

export function processFigures(pid: number): ProcessFigures {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').trimEnd().split('\n');
  return {
    fds: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).filter((task) => isOwnThread(pid, task)).length,
    maps: maps.length,
    sharedMaps: maps.filter((line) => /^\S+ \S{3}s /.test(line)).length,
    anonymousKib: Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]),
  };
}

function isOwnThread(pid: number, task: string): boolean {
  try {
    return !readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').startsWith('iou-wrk-');
  } catch {
    return false; // It has ended since the folder was read.
  }
}
