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
  /** Told when somebody noticed a new size: refreshSize(), or a front end that connected. */
  onResize?: (sizeBytes: number) => void;
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
  /** Rings have started that wait for `admit` with this number. */
  | { type: 'disks-wanted'; demand: number }
  /**
   * The last ring has stopped and drained, and what starts next waits for `admit`: the front end
   * hands its guest over (it stopped them while it logged dirty pages), or a demand is over.
   */
  | { type: 'disks-left' }
  /**
   * It stands still with nothing in flight, for the `standStill` with this demand, whose listener
   * owns the descriptors in `state`; without one if none was left to duplicate them (`reason` says
   * so). 0: it has taken in what it inherited.
   */
  | { type: 'stands-still'; demand: number; state?: AttachmentState; reason: string }
  /** The attachment serves no more: it was stopped or its passed connection ended (no reason), or
   * accept failed. */
  | { type: 'ended'; reason: string };

/** What another process needs to go on in an attachment's place. Numbers are descriptors. */
export interface AttachmentState {
  /** The socket that it listens on. */
  listener?: number | undefined;
  /** Without one no front end is connected. */
  session?: SessionState | undefined;
}

export interface SessionState {
  connection: number;
  /** What the front end has said, as it would say it to a back end that starts anew. */
  told: ToldMessage[];
}

/** A vhost-user message, without its header. */
export interface ToldMessage {
  request: number;
  payload: Buffer;
  fds: number[];
}

/** Where an attachment is to be found: exactly one of the three sources. */
export interface EndpointOptions {
  /** Bind and listen here; a stale socket file is replaced, a live one refused (EADDRINUSE). */
  socketPath?: string;
  /** A passed fd: listener or connected socket, told apart by SO_ACCEPTCONN. */
  socketFd?: number;
  /** Connect here as a client, again and again after each disconnect. */
  connectPath?: string;
  /** File mode of a socket made at socketPath. */
  socketMode: number;
  /** Longest busy-poll after the last request, microseconds; 0 = never poll. */
  pollMicroseconds: number;
  /** false: the disks are another process's at first, and the first rings wait for `admit`. */
  admitted: boolean;
  /** false: front ends are told that the device can't be migrated. */
  migratable: boolean;
  onEvent: (event: AttachmentEvent) => void;
  /**
   * Of the process before: it stands still until `resume`, and what it has taken in it tells by
   * `stands-still`, or by `disconnected` and why it can't. The descriptors are the attachment's now.
   * Of the sources `socketPath` is where the listener is bound, `connectPath` where to connect next.
   */
  inherited?: AttachmentState;
}

/** A disk as a virtio-blk device. */
export interface AttachmentOptions extends EndpointOptions {
  numQueues: number;
  /** Offer VIRTIO_BLK_F_CONFIG_WCE. */
  configWce: boolean;
  /** Every request passes it; without one everything is allowed. */
  fence?: NativeFence;
  /** Offer VIRTIO_BLK_F_SCSI; its commands come as those of target 0, LUN 0. */
  mailbox?: MailboxOptions;
}

/** Disks behind a virtio-scsi controller. */
export interface ScsiAttachmentOptions extends EndpointOptions {
  /** Request queues: control and event queue come on top. */
  numQueues: number;
  /** Serve the config space: user-mode Linux needs it, and QEMU warns of it. */
  configSpace: boolean;
  mailbox: MailboxOptions;
  /** There before the first guest can look. */
  logicalUnits: LogicalUnitOptions[];
}

export interface LogicalUnitPlace {
  /** 0 to 255. */
  target: number;
  /** 0 to 16383. */
  lun: number;
}

export interface LogicalUnitOptions extends LogicalUnitPlace {
  disk: NativeDisk;
  /** Of this nexus to this disk; not shared with another attachment. */
  fence: NativeFence;
  /** In blocks. */
  limits: {
    writeSameBlocks: number;
    /** Of all descriptors of an UNMAP; 0: not thinly provisioned. */
    unmapBlocks: number;
    unmapDescriptors: number;
    /** 0: no COMPARE AND WRITE. */
    compareAndWriteBlocks: number;
  };
}

/**
 * The gate between one nexus and one disk that every request for the medium passes: it is counted
 * as in flight and then looks at the position. Closed at first. Requests that wait at it end at once
 * by task management, when their disk is unplugged and when the connection or the attachment ends;
 * when the front end, stopping its rings, has waited 5 s in all (BUSY, or virtio-blk's I/O error).
 */
export interface NativeFence {
  /** Has effect on every request that comes after. */
  set(position: FencePosition): void;
  /**
   * Resolves when every request that passed before this call has ended on the host's device; later
   * ones, and those that wait, are not waited for.
   */
  drained(): Promise<void>;
}

export interface FencePosition {
  reads: boolean;
  writes: boolean;
  /** Commands that the data plane would run go to the mailbox first. */
  attentionPending: boolean;
  /**
   * Requests for the medium wait, in order, until a position comes that does not hold them, and
   * meet that one. Default false.
   */
  held?: boolean;
  /**
   * What passes carries this number, 0 to 2^32-1. Default 0.
   */
  epoch?: number;
  /**
   * What meets RESERVATION CONFLICT at the host's device waits for the next position that does not
   * hold it: it is sent again if that has the epoch it passed in, else answered with the conflict.
   * Default false: it is answered at once.
   */
  judgesConflicts?: boolean;
}

export interface FenceOptions {
  /** Called when the first request begins to wait for a verdict, once until the next position. */
  onConflict?: () => void;
}

/** The way of commands from the data plane; at most 128 of an attachment are on it at a time. */
export interface MailboxOptions {
  /**
   * Gets what has come since the last call. Each message wants one `complete` with its token; what
   * comes later than the guest was answered is dropped.
   */
  onMessages: (messages: NativeMessage[]) => void;
  /** A command without answer ends with 0B/08/01 LOGICAL UNIT COMMUNICATION TIME-OUT after so long. */
  commandTimeoutMs: number;
}

export type NativeMessage = CommandMessage | ResetMessage;

export interface CommandMessage {
  type: 'command';
  token: number;
  /** 0 for the REPORT LUNS well-known logical unit of the whole controller. */
  target: number;
  /** As in virtio_scsi_req_cmd, 8 bytes. */
  lun: Buffer;
  /** 32 bytes, a shorter CDB followed by zeros. */
  cdb: Buffer;
  /** What the guest sent, cut to 8 KiB; empty for commands that the data plane would run. */
  dataOut: Buffer;
  /** A process before took it out of the ring, and may have carried it out. */
  leftOver: boolean;
}

/**
 * A LOGICAL UNIT RESET or I_T NEXUS RESET: its commands have ended. The guest hears of it when this
 * is completed (with any answer), so whoever is owed a unit attention must have it by then.
 */
export interface ResetMessage {
  type: 'logical-unit-reset' | 'nexus-reset';
  token: number;
  target: number;
  lun: Buffer;
}

/** `natively`: nothing stands against the command; the data plane shall run it. */
export type NativeAnswer =
  | 'natively'
  | {
      status: number;
      /** Cut to 96 bytes. */
      sense: Uint8Array;
      dataIn: Uint8Array;
    };

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
  /** Lets the rings in; false: the demand is over. */
  admit(demand: number): boolean;
  /** Rings that start from now on wait for `admit`; false, and nothing has changed: some run. */
  withdraw(): boolean;
  /**
   * Brings it to a standstill before the next message or connection, when what is in flight has
   * ended; it keeps all it has. Of an attachment that was stopped meanwhile nothing is served again.
   * @param demand above 0, another one each time
   */
  standStill(demand: number): void;
  /** The end of any standstill, also of one that has not been reached. */
  resume(): void;
  /** Requests inside the kernel now. */
  inFlight(): number;
  stats(): QueueStats[];
  /** Answers a message of the mailbox; false: nobody waits for it any more. */
  complete(token: number, answer: NativeAnswer): boolean;
}

export interface NativeScsiAttachment extends NativeAttachment {
  /** Tells the guest by a hotplug event. Throws EEXIST, ENOSPC, EINVAL. */
  addLogicalUnit(unit: LogicalUnitOptions): void;
  /**
   * New commands find no such logical unit; resolves when the last old one has ended and disk and
   * fence were let go. Throws ENOENT.
   */
  removeLogicalUnit(place: LogicalUnitPlace): Promise<void>;
  /** Throws ENOENT. */
  configureLogicalUnit(
    place: LogicalUnitPlace,
    settings: { descriptorSense: boolean; softwareWriteProtect: boolean },
  ): void;
  /** Tells the guest by an event; READ CAPACITY must show the new size by now. Throws ENOENT. */
  capacityChanged(place: LogicalUnitPlace): void;
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
  createFence(options?: FenceOptions): NativeFence;
  attachScsi(options: ScsiAttachmentOptions): NativeScsiAttachment;
  createLane(): NativeLane;
  listenForFds(options: FdListenerOptions): NativeFdListener;
  /**
   * Confines the process for good: system calls that it doesn't need end with ENOSYS
   * (addon/core/sandbox/syscall_rules.cpp), the threads that face guests may do less still. To be
   * called before anything is attached. Throws what seccomp(2) does.
   */
  confine(options: { startsProcesses: boolean }): void;
  /**
   * Connects to a unix stream socket; rejects with the errno's name in `code`, ETIMEDOUT where its
   * backlog stays full for 5 s.
   */
  connectForFds(path: string): Promise<NativeConnection>;
}

/**
 * A thread of its own for calls that can hang as long as a path of the host does: one at a time, in
 * the order given. Whatever hangs in it stalls no other lane and no exit. Rejections are Errors with
 * the errno's name in `code`; beside the call's own there are EBUSY (64 calls wait) and ESHUTDOWN
 * (after `end`). A call that hasn't come back keeps the process alive, unless the lane has ended.
 */
export interface NativeLane {
  /** open(2); O_CLOEXEC is added. */
  open(path: string, flags: number): Promise<number>;
  /**
   * ioctl(2), never repeated on EINTR, on copies: what the kernel wrote is in `argument` and in the
   * buffers once this is settled, either way, and not before.
   * @param pointers where in `argument` the address of which buffer is to stand for the kernel, 8
   *   bytes each; EINVAL outside of it
   * @returns what ioctl(2) returned
   */
  ioctl(
    fd: number,
    request: number,
    argument: Uint8Array,
    pointers: { offset: number; buffer: Uint8Array }[],
  ): Promise<number>;
  /** close(2), which may wait for the device, too. */
  close(fd: number): Promise<void>;
  /** No further call; those made before still run, and the thread ends with the last of them. */
  end(): void;
}

/** Throws as bind(2) and as `socketPath` of an attachment does; EPROTOTYPE for a wrong socketFd. */
export interface FdListenerOptions {
  /** Bind and listen here, as with `EndpointOptions`; exactly one of this and `socketFd`. */
  socketPath?: string;
  /** A passed listening socket. */
  socketFd?: number;
  socketMode: number;
  onConnection: (connection: NativeConnection) => void;
}

export interface NativeFdListener {
  /** Takes no more connections, and removes the file that it made; may be called again. */
  close(): void;
}

/**
 * A unix stream socket that carries file descriptors (SCM_RIGHTS). It keeps the process alive until
 * its end; one that nobody holds and nobody started is closed some time.
 */
export interface NativeConnection {
  /** SO_PEERCRED, as it was at connect time. */
  readonly peer: { pid: number; uid: number; gid: number };
  /** Begins to read; to be called once. */
  start(handlers: ConnectionHandlers): void;
  /**
   * Stops reading until `resume`: what the peer sends then waits in the kernel, and its end isn't
   * noticed.
   */
  pause(): void;
  resume(): void;
  /**
   * Sends in order, duplicating `fds` (at most 253), which go with the first byte. Nothing after the
   * end. A peer that lets 4 MiB wait ends the connection. Throws EBADF; EINVAL for fds without data.
   */
  send(data: Uint8Array, fds?: number[]): void;
  /** Bytes of `send` that the kernel has not taken yet. */
  unsent(): number;
  /** Ends it at once; `onEnd` follows. */
  close(): void;
}

export interface ConnectionHandlers {
  /**
   * Bytes as they came, at most 64 KiB, with the descriptors that came with them, which belong to
   * the callee now. More than 16 descriptors at once end the connection.
   */
  onData: (data: Buffer, fds: number[]) => void;
  /** Called once; `reason` is empty for an orderly end by either side. */
  onEnd: (reason: string) => void;
}

export function loadAddon(): NativeAddon {
  const require = createRequire(import.meta.url);
  return require('../../build/release/holdfast.node') as NativeAddon;
}
