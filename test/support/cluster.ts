import { beforeAll, beforeEach } from 'vitest';
import { type BackEnd } from './back-end.js';
import { type GuestProcess } from './guest-process.js';
import { type QemuVersion, vhostUserScsi } from './qemu-guest.js';
import { type Rig, useRig } from './rig.js';

/** What runs a guest: one of the QEMUs or user-mode Linux. */
export type GuestKind = QemuVersion | 'uml';

export function guestKindName(kind: GuestKind): string {
  return kind === 'uml' ? 'user-mode Linux' : `QEMU ${kind}`;
}

/** The disk as each node knows it. */
export const clusterDisk = '/dev/sda';

export interface ClusterOptions {
  sizeBytes: number;
}

/** Two guests with a cluster node's software that share a SCSI disk, each a nexus of its own. */
export class Cluster {
  readonly rig: Rig;
  /** The disk's image. */
  image = '';
  backEnd!: BackEnd;
  one!: GuestProcess;
  two!: GuestProcess;

  constructor(rig: Rig) {
    this.rig = rig;
  }

  get nodes(): readonly [GuestProcess, GuestProcess] {
    return [this.one, this.two];
  }

  get controlSocket(): string {
    return this.rig.path('control.sock');
  }

  /** Serves `image` and boots the nodes. */
  async start(kind: GuestKind, image: string): Promise<void> {
    const { rig } = this;
    this.image = image;
    const sockets = [1, 2].map((node) => rig.path(`node${node}.sock`));
    this.backEnd = await rig.backEnd({
      socketPath: sockets,
      file: image,
      more: [
        ...['--device', 'scsi', '--control-socket', this.controlSocket],
        ...['--reservation-state', rig.path('reservations')],
        ...[1, 2].flatMap((node) => ['--initiator-name', initiatorName(node)]),
        ...(kind === 'uml' ? ['--scsi-config'] : []),
      ],
    });
    const [one, two] = await Promise.all(sockets.map((path) => startNode(rig, kind, path)));
    if (one === undefined || two === undefined) throw new Error('two sockets, two nodes');
    [this.one, this.two] = [one, two];
    for (const node of this.nodes) {
      await node.booted();
      // Disks are looked for in the background.
      await node.run(`until [ -b ${clusterDisk} ]; do usleep 10000; done`);
    }
  }
}

/** The node's nexus. */
export function initiatorName(node: number): string {
  return `iqn.2026-11.org.example:node${node}`;
}

async function startNode(rig: Rig, kind: GuestKind, socketPath: string): Promise<GuestProcess> {
  const software = 'cluster';
  if (kind === 'uml') return rig.uml({ software, disk: { socketPath, device: 'scsi' } });
  return rig.qemu({ version: kind, software, disk: vhostUserScsi(socketPath) });
}

/** A cluster for the tests of the describe block that this is called in, skipped where it can't run. */
export function useCluster(kind: GuestKind, { sizeBytes }: ClusterOptions): Cluster {
  const rig = useRig();
  const cluster = new Cluster(rig);
  let obstacle = '';
  beforeAll(async () => {
    if (kind === 'uml') obstacle = await rig.umlObstacle();
    if (obstacle === '') await cluster.start(kind, await rig.image('disk.img', sizeBytes));
  });
  beforeEach(({ skip }) => {
    if (obstacle !== '') skip(obstacle);
  });
  return cluster;
}
