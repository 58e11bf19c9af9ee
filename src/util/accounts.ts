/** Users and groups: from the local files only, since NSS may block. */
import { readFileSync } from 'node:fs';

/** `name` for an id listed in `file` (/etc/passwd or /etc/group), else the number itself. */
function nameOf(file: string, id: number): string {
  const entry = entriesOf(file).find(([, , known]) => known === String(id));
  return entry?.[0] ?? String(id);
}

/** The fields of each line. */
function entriesOf(file: string): string[][] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.map((line) => line.split(':'));
}

export function userName(uid: number): string {
  return nameOf('/etc/passwd', uid);
}

export function groupName(gid: number): string {
  return nameOf('/etc/group', gid);
}

export interface UserAccount {
  uid: number;
  gid: number;
  /** All of the user's groups. */
  groups: number[];
}

/** @returns undefined if /etc/passwd has no such user */
export function findUser(name: string): UserAccount | undefined {
  const entry = entriesOf('/etc/passwd').find(([known]) => known === name);
  if (entry === undefined) return undefined;
  const gid = Number(entry[3]);
  const others = entriesOf('/etc/group')
    .filter(([, , , members]) => members?.split(',').includes(name))
    .map(([, , id]) => Number(id));
  return { uid: Number(entry[2]), gid, groups: [gid, ...others] };
}
