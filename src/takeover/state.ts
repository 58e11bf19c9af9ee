/** What one process leaves to the next, which goes on serving in its place. */
import type { AttachmentState } from '../native/addon.js';

export interface TakeoverState {
  readonly disks: readonly DiskState[];
  readonly guests: readonly GuestState[];
}

export interface DiskState {
  readonly lun: number;
  /** As the process before was given it. */
  readonly path: string;
  /** The open file description that does the I/O and has the writer lock. */
  readonly image: number;
  readonly readOnly: boolean;
  readonly serial: string;
  readonly designator: string;
  /** Bytes. */
  readonly blockSize: number;
  /** Of the mode pages, what an initiator has chosen. */
  readonly descriptorSense: boolean;
  readonly softwareWriteProtect: boolean;
  /** The text of a state file (`emulated/state-file-format.ts`) with its handover. */
  readonly reservations: string;
}

export interface GuestState extends GuestDevice {
  readonly attachment: AttachmentState;
}

/** A guest's device, as far as the guest can tell. */
export interface GuestDevice {
  /** Name of its nexus. */
  readonly initiator: string;
  readonly device: 'blk' | 'scsi';
  readonly numQueues: number;
  readonly configWce: boolean;
  readonly scsiPassthrough: boolean;
  readonly scsiConfig: boolean;
}

/** The descriptors of an attachment's state. */
export function fdsOf({ listener, session }: AttachmentState): number[] {
  const told = session?.told.flatMap(({ fds }) => fds) ?? [];
  const sockets = [listener, session?.connection].filter((fd) => fd !== undefined);
  return [...sockets, ...told];
}
