import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds; memory in KiB, without what it maps of files and of guests. */
export interface ProcessFigures {
  fds: number;
  threads: number;
  anonymousKib: number;
}

export function processFigures(pid: number): ProcessFigures {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    fds: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    anonymousKib: Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]),
  };
}
