/** The name under which a guest's reservations are known when the user chose none. */
import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import type { Endpoint } from './serve-options.js';

const prefix = 'iqn.2026-11.holdfast';
const hashDigits = 8;

/**
 * An iSCSI name that stays the same for the same socket path over restarts: the file's name for
 * people to read, and a hash of the whole path.
 * @param index of the guest, for endpoints without a path
 */
export function defaultInitiatorName(endpoint: Endpoint, index: number): string {
  const path = pathOf(endpoint);
  if (path === undefined) return `${prefix}:guest-${index}`;
  const readable = basename(path)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40);
  const hash = createHash('sha256').update(resolve(path)).digest('hex').slice(0, hashDigits);
  return `${prefix}:${readable}-${hash}`;
}

function pathOf(endpoint: Endpoint): string | undefined {
  if ('socketPath' in endpoint) return endpoint.socketPath;
  if ('connectPath' in endpoint) return endpoint.connectPath;
  return undefined;
}
