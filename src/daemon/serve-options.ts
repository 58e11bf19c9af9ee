import type { AttachmentOptions, DiskOptions } from '../native/addon.js';

/** Where the front end is met: one of vhost-user's three ways. */
export type Endpoint = { socketPath: string } | { socketFd: number } | { connectPath: string };

export interface ServeOptions {
  endpoint: Endpoint;
  /** Raw image or block device. */
  blkFile: string;
  readOnly: boolean;
  /** GET_ID string, at most 20 bytes; undefined = derived from the image. */
  serial: string | undefined;
  blockSize: DiskOptions['blockSize'];
  engine: DiskOptions['engine'];
  numQueues: AttachmentOptions['numQueues'];
  pollMicroseconds: AttachmentOptions['pollMicroseconds'];
  configWce: boolean;
  /** Permission bits of a socket made at socketPath. */
  socketMode: AttachmentOptions['socketMode'];
}
