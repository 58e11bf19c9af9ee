import { once } from 'node:events';

import { reconnectOptions } from '../../src/frontends/qemu.js';
import { GuestProcess } from './guest-process.js';
import { inTree, qemuGuest, type Software, type Tree } from './images.js';
import { QmpClient } from './qmp-client.js';

/** The QEMUs there are, by major version, and the tree each runs in. */
export const qemuTrees = { '7.2': 'machine', '10': 'trixie', '11': 'qemu11' } satisfies Record<
  string,
  Tree
>;
export type QemuVersion = keyof typeof qemuTrees;

export interface QemuOptions {
  version: QemuVersion;
  /** Arguments that attach the disk: those of vhostUserBlk, vhostUserScsi or of qemu-configs. */
  disk: string[];
  software?: Software;
  /** What the machine starts: the guest's kernel and initramfs, or whatever the disk holds. */
  boot?: 'kernel' | 'disk';
  cpus?: number;
  /** Waits for a guest that migrates instead of starting one. */
  incoming?: boolean;
  /** Appears to QEMU as /run/holdfast. */
  runDirectory?: string;
}

export interface VhostUserOptions {
  numQueues?: number;
  packed?: boolean;
  /** What makes QEMU connect again: see reconnectOption. */
  reconnect?: string;
}

/** Each QEMU's spelling of connecting again after a second. */
export function reconnectOption(version: QemuVersion): string {
  return version === '11' ? reconnectOptions.fromQemu11 : reconnectOptions.untilQemu10;
}

const sharedMemory = [
  ...['-object', 'memory-backend-memfd,id=memory,size=512M,share=on'],
  ...['-machine', 'memory-backend=memory', '-m', '512M'],
];

/** A disk at `socketPath`. */
export function vhostUserBlk(socketPath: string, options: VhostUserOptions = {}): string[] {
  return attached('vhost-user-blk-pci,bootindex=1', 'num-queues', socketPath, options);
}

/** A controller with what is served at `socketPath`. */
export function vhostUserScsi(socketPath: string, options: VhostUserOptions = {}): string[] {
  return attached('vhost-user-scsi-pci', 'num_queues', socketPath, options);
}

function attached(
  device: string,
  queueCountProperty: string,
  socketPath: string,
  { numQueues, packed = false, reconnect }: VhostUserOptions,
): string[] {
  const again = reconnect === undefined ? '' : `,${reconnect}`;
  const queues = numQueues === undefined ? '' : `,${queueCountProperty}=${numQueues}`;
  return [
    ...sharedMemory,
    ...['-chardev', `socket,id=disk,path=${socketPath}${again}`],
    ...['-device', `${device},chardev=disk${queues}${packed ? ',packed=on' : ''}`],
  ];
}

/** A guest of one of the QEMUs, under TCG. */
export class QemuGuest extends GuestProcess {
  readonly qmp: QmpClient;

  /** `log` gets what QEMU prints and what the guest writes to its console. */
  constructor(options: QemuOptions, cwd: string, log: string) {
    const {
      version,
      disk,
      software = 'files',
      boot = 'kernel',
      cpus,
      incoming,
      runDirectory,
    } = options;
    const kernel = [
      ...['-kernel', qemuGuest.kernel, '-initrd', qemuGuest.initramfs[software]],
      ...['-append', 'console=ttyS0 quiet panic=-1 agent=/dev/vport0p1'],
    ];
    const command = [
      'qemu-system-x86_64',
      // One thread for all processors: with one each, a guest that boots on a busy machine may
      // lose its timer and hang.
      ...['-machine', 'q35', '-accel', 'tcg,thread=single'],
      ...(cpus === undefined ? [] : ['-smp', `${cpus}`]),
      // Without cmpxchg16b: QEMU 7.2's emulation of it makes Debian's kernels panic.
      ...['-cpu', 'max,-cx16', '-nodefaults', '-display', 'none'],
      ...['-chardev', `file,id=console,path=${log},append=on`, '-serial', 'chardev:console'],
      ...['-chardev', 'socket,id=agent,fd=3', '-device', 'virtio-serial-pci'],
      ...['-device', 'virtserialport,chardev=agent,name=agent'],
      ...['-chardev', 'socket,id=monitor,fd=4', '-mon', 'chardev=monitor,mode=control'],
      ...['-chardev', 'socket,id=keys,fd=5', '-serial', 'chardev:keys'],
      ...disk,
      ...(incoming === true ? ['-incoming', 'defer'] : []),
      ...(boot === 'kernel' ? kernel : []),
    ];
    super({
      command: inTree(qemuTrees[version], command, runDirectory),
      cwd,
      log,
      sockets: 3,
    });
    this.qmp = new QmpClient(this.socket(4));
  }

  /** Waits until QEMU has realized its devices. */
  async started(): Promise<void> {
    await this.explain(this.qmp.negotiate());
  }

  /** What goes in and out of the guest's second serial line. */
  get keys() {
    return this.socket(5);
  }

  async pause(): Promise<void> {
    await this.qmp.execute('stop');
  }

  async resume(): Promise<void> {
    await this.qmp.execute('cont');
  }

  /** Pulls the reset line; resolves when the machine has been reset, long before it is up. */
  async reset(): Promise<void> {
    const reset = once(this.qmp, 'RESET');
    await this.qmp.execute('system_reset');
    await reset;
  }

  /** Ends QEMU from outside, as a management tool does. */
  async quit(): Promise<void> {
    await this.qmp.execute('quit');
    await this.exited;
  }
}
