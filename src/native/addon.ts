/**
 * The whole native surface: every call into the data plane is declared here and nowhere else.
 * Sizes are bytes. Failures are thrown as Error with `code` (an errno name) and a message fit for
 * the user.
 */
import { createRequire } from 'node:module';

export type EngineName = 'io_uring' | 'libaio' | 'sync';

export interface DiskOptions {
  /** Open file description that does the I/O and carries the writer lock; the disk owns it now. */
  fd: number;
  /** For messages only. */
  path: string;
  readOnly: boolean;
  /** virtio GET_ID string, at most 20 bytes. */
  serial: string;
  /** Logical block size shown to the guest; 0 = the device's own. Smaller than that is refused. */
  blockSize: number;
  engine: EngineName | 'auto';
}

export interface DiskInfo {
  sizeBytes: number;
  blockSize: number;
  physicalBlockSize: number;
  engine: EngineName;
  /** Why that engine, one sentence. */
  engineReason: string;
  directIo: boolean;
  /** Alignment of direct I/O: of buffers, of offsets and lengths. */
  memoryAlignment: number;
  offsetAlignment: number;
  discard: boolean;
}

export type AttachmentEvent =
  | { type: 'connected' }
  /** `reason` is empty for an orderly close by the front end. */
  | { type: 'disconnected'; reason: string }
  | { type: 'warning'; message: string }
  /** The attachment serves no more: it was stopped or its passed connection ended (no reason), or
   * accept failed. */
  | { type: 'ended'; reason: string };

/** Exactly one of the three sources. */
export interface AttachmentOptions {
  /** Bind and listen here; a stale socket file is replaced, a live one refused (EADDRINUSE). */
  socketPath?: string;
  /** A passed fd: listener or connected socket, told apart by SO_ACCEPTCONN. */
  socketFd?: number;
  /** Connect here as a client, again and again after each disconnect. */
  connectPath?: string;
  /** File mode of a socket made at socketPath. */
  socketMode: number;
  numQueues: number;
  /** Longest busy-poll after the last request, microseconds; 0 = never poll. */
  pollMicroseconds: number;
  /** Offer VIRTIO_BLK_F_CONFIG_WCE. */
  configWce: boolean;
  onEvent: (event: AttachmentEvent) => void;
}

export interface QueueStats {
  requests: number;
  readBytes: number;
  writtenBytes: number;
  flushes: number;
  discards: number;
  failed: number;
  /** Requests whose buffers direct I/O could not take. */
  bounced: number;
  /** Interrupts sent to the guest. */
  calls: number;
}

export interface NativeAttachment {
  /** Stops accepting, drains and closes; resolves when all I/O has ended and threads are gone. */
  stop(): Promise<void>;
  /** Requests inside the kernel now. */
  inFlight(): number;
  stats(): QueueStats[];
}

export interface NativeDisk {
  info(): DiskInfo;
  /** Reads the device's size again; returns it, and tells the guests if it changed. */
  refreshSize(): number;
  attach(options: AttachmentOptions): NativeAttachment;
  /** Closes the fd; every attachment must have stopped. */
  close(): void;
}

export interface NativeAddon {
  openDisk(options: DiskOptions): NativeDisk;
}

export function loadAddon(): NativeAddon {
  const require = createRequire(import.meta.url);
  return require('../../build/release/holdfast.node') as NativeAddon;
}
