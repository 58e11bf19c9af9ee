import type { Designator } from './designator.js';

/** What tells a disk from others. It must be the same on every host that serves the disk. */
export interface Identity {
  /** T10 VENDOR IDENTIFICATION, at most 8 characters. */
  readonly vendor: string;
  /** At most 16 characters. */
  readonly product: string;
  /** At most 4 characters. */
  readonly revision: string;
  /** UNIT SERIAL NUMBER, at most 252 characters. */
  readonly serial: string;
  readonly designator: Designator;
}

/** Vendor, product and revision of a disk that has no reason for its own. */
export const defaultProduct = {
  vendor: 'HOLDFAST',
  product: 'VHOST-USER DISK',
  // Not the program's version: guests tell disks apart by it.
  revision: '0001',
} as const satisfies Partial<Identity>;
