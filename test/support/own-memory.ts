import { readFileSync } from 'node:fs';

interface Mapping {
  shared: boolean;
  path: string;
  /** Bytes in RAM. */
  resident: number;
}

function mappings(pid: number): Mapping[] {
  const smaps = readFileSync(`/proc/${pid}/smaps`, 'utf8');
  const header = /^[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ \S+ *(.*)\n(?:.*\n)*?Rss: *(\d+) kB$/gm;
  return [...smaps.matchAll(header)].map(([, permissions = '', path = '', kib]) => ({
    shared: permissions.endsWith('s'),
    path,
    resident: Number(kib) * 1024,
  }));
}

/**
 * Bytes of RAM that a back end itself needs: its anonymous memory and its own shared mappings (I/O
 * rings). The front end's memory (a memfd) and files that are merely mapped don't count.
 */
export function ownMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const anonymous = Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  const shared = mappings(pid).filter((m) => m.shared && !m.path.startsWith('/memfd:'));
  return shared.reduce((sum, { resident }) => sum + resident, anonymous);
}
