/** A way to a path: whether this process may go it, and if not, what would let it. */
import type { NativeAddon } from '../native/addon.js';
import type { LaneFile } from './lane-file.js';
import type { PathProtocol } from './lane-transport.js';

export type Candidate =
  { readonly file: LaneFile; readonly protocol: PathProtocol; readonly reason: string } | Refusal;

export interface Refusal {
  readonly file?: never;
  /** Why it can't be used, one sentence without a full stop. */
  readonly reason: string;
  /** What the host's administrator can do about it; undefined if nothing. */
  readonly improvement?: string;
}

/** What opens lanes. */
export type Lanes = Pick<NativeAddon, 'createLane'>;

/** @param errno why `path` could not be opened */
export function refused(reason: string, errno: string | undefined, path: string): Refusal {
  if (errno !== 'EACCES' && errno !== 'EPERM') return { reason };
  return {
    reason,
    improvement: `give this process's group read and write access to ${path}, as holdfast's udev rule does`,
  };
}
