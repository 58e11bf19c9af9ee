import type { AttachmentOptions, DiskOptions } from '../native/addon.js';
import type { SandboxSettings } from '../native/sandbox.js';
import type { Designator } from '../scsi/designator.js';
import type { TransportKind } from '../transports/open-transport.js';

/** Where the front end is met: one of vhost-user's three ways. */
export type Endpoint = { socketPath: string } | { socketFd: number } | { connectPath: string };

export type DeviceKind = 'blk' | 'scsi';

/** Who keeps a disk's reservations. */
export type ReservationSettings =
  EmulatedReservationSettings | DeviceReservationSettings | DaemonReservationSettings;

/** This process. */
export interface EmulatedReservationSettings {
  by: 'emulated';
  /** Its file; undefined = beside an image, none for a device. */
  statePath: string | undefined;
}

/** The device itself, through its paths. */
export interface DeviceReservationSettings {
  by: 'device';
  /** Of the one guest. */
  initiatorName: string;
  journalFolder: string;
  /** Undefined = the best that this process may use. */
  transport: TransportKind | undefined;
  /** For arrays that can't take two REGISTERs at once. */
  sequential: boolean;
}

/** The device itself, through a reservation daemon that may touch its paths. */
export interface DaemonReservationSettings {
  by: 'prd';
  /** Of the one guest. */
  initiatorName: string;
  /** Where the daemon listens. */
  socketPath: string;
}

export interface DiskSettings {
  /** Raw image or block device. */
  blkFile: string;
  readOnly: boolean;
  /** GET_ID string and UNIT SERIAL NUMBER, at most 20 bytes; undefined = derived from the image. */
  serial: string | undefined;
  /** Undefined = the device's own, or derived from the serial. */
  designator: Designator | undefined;
  reservations: ReservationSettings;
  blockSize: DiskOptions['blockSize'];
  engine: DiskOptions['engine'];
}

/** A guest's way to the disks. */
export interface GuestSettings {
  endpoint: Endpoint;
  device: DeviceKind;
  /** iSCSI name of its nexus, its own among the guests. */
  initiatorName: string;
}

export interface ServeOptions {
  /** In the place of the process that has the control socket. */
  takeover: boolean;
  /** The guests come by migration: until they run here another process has the disks. */
  incoming: boolean;
  /** LUN n is the nth; a blk device serves the only one. */
  disks: readonly DiskSettings[];
  guests: readonly GuestSettings[];
  numQueues: AttachmentOptions['numQueues'];
  pollMicroseconds: AttachmentOptions['pollMicroseconds'];
  configWce: boolean;
  /** blk: offer VIRTIO_BLK_F_SCSI. */
  scsiPassthrough: boolean;
  /** scsi: serve the config space. */
  scsiConfig: boolean;
  /** Permission bits of a socket made at socketPath. */
  socketMode: AttachmentOptions['socketMode'];
  /** Where the control socket is to be; undefined = none. */
  controlSocket: string | undefined;
  sandbox: SandboxSettings;
}
