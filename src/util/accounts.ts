/** Names of users and groups, for messages: from the local files only, since NSS may block. */
import { readFileSync } from 'node:fs';

/** `name` for an id listed in `file` (/etc/passwd or /etc/group), else the number itself. */
function nameOf(file: string, id: number): string {
  const entry = readFileSync(file, 'utf8')
    .split('\n')
    .find((line) => line.split(':')[2] === String(id));
  return entry?.split(':')[0] ?? String(id);
}

export function userName(uid: number): string {
  return nameOf('/etc/passwd', uid);
}

export function groupName(gid: number): string {
  return nameOf('/etc/group', gid);
}
