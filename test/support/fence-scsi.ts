import { clusterDisk } from './cluster.js';
import { type GuestProcess } from './guest-process.js';

/**
 * Runs Debian's fence_scsi in a node.
 * @param key of the node that `on` registers, itself, or that `off` fences
 * @returns what it printed
 */
export function fenceScsi(
  node: GuestProcess,
  action: 'on' | 'off' | 'status' | 'monitor',
  key: string,
  more = '',
): Promise<string> {
  return node.run(`fence_scsi --action=${action} --key=${key} --devices=${clusterDisk} ${more}`);
}
