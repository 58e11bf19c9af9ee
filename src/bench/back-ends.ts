/** The back ends that are compared, each as the command that starts it. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { mostQueues } from './cases.js';
import { checkoutPath } from './checkout.js';
import { treeCommand } from './qemu-tree.js';

export interface Target {
  /** Raw image or block device. */
  path: string;
  writable: boolean;
}

export interface BackEnd {
  /** For tables and plots. */
  label: string;
  /** Where it fails in a case, the others go on. */
  isPeer: boolean;
  /** What the load generator must know of it. */
  loadArguments: readonly string[];
  /** The command line that serves `target` on `socketPath`; its process id stays that of the server. */
  command: (target: Target, socketPath: string) => string[];
}

/** How a qemu-storage-daemon is started: directly, or inside its own tree. */
type Enter = (command: readonly string[]) => string[];

const asyncIo = ['native', 'io_uring'] as const;
export const peerNames = ['qemu', 'qemu11'] as const;
export type PeerName = (typeof peerNames)[number];

/** The device types that holdfast serves. Peers serve blk. */
export const deviceKinds = ['blk', 'scsi'] as const;
export type DeviceKind = (typeof deviceKinds)[number];

export function holdfast(kind: DeviceKind, extraArguments: readonly string[]): BackEnd {
  return {
    label: kind === 'blk' ? 'holdfast' : `holdfast ${kind}`,
    isPeer: false,
    loadArguments: ['--device', kind],
    command: ({ path, writable }, socketPath) => [
      process.execPath,
      checkoutPath('dist/cli/main.js'),
      'serve',
      ...['--device', kind],
      ...['--socket-path', socketPath, '--blk-file', path],
      ...(writable ? [] : ['--read-only']),
      ...extraArguments,
    ],
  };
}

/**
 * The qemu-storage-daemon of this machine (`qemu`) or QEMU 11's (`qemu11`), once for each way it can
 * do asynchronous I/O.
 * @throws Error if it can't be run.
 */
export async function peer(name: PeerName): Promise<BackEnd[]> {
  const enter =
    name === 'qemu11' ? await treeCommand() : (command: readonly string[]) => [...command];
  const version = versionOf(enter);
  return asyncIo.map((aio) => ({
    label: `QEMU ${version} ${aio}`,
    isPeer: true,
    loadArguments: [],
    command: (target, socketPath) => enter(storageDaemon(aio, target, socketPath)),
  }));
}

function versionOf(enter: Enter): string {
  const [file = '', ...args] = enter(['qemu-storage-daemon', '--version']);
  const text = execFileSync(file, args, { encoding: 'utf8' });
  return /version (\d+\.\d+)/.exec(text)?.[1] ?? 'of unknown version';
}

/** With an iothread, without which its main loop also serves the monitor and is slower. */
function storageDaemon(
  aio: (typeof asyncIo)[number],
  { path, writable }: Target,
  socketPath: string,
): string[] {
  const driver = statSync(path).isBlockDevice() ? 'host_device' : 'file';
  const blockdev = {
    driver,
    'node-name': 'disk',
    filename: path,
    'cache.direct': 'on',
    'read-only': writable ? 'off' : 'on',
    aio,
  };
  const vhostUserExport = {
    type: 'vhost-user-blk',
    id: 'export',
    'node-name': 'disk',
    'addr.type': 'unix',
    'addr.path': socketPath,
    'num-queues': mostQueues,
    iothread: 'io',
    writable: writable ? 'on' : 'off',
  };
  return [
    'qemu-storage-daemon',
    ...['--object', 'iothread,id=io'],
    ...['--blockdev', keyValues(blockdev)],
    ...['--export', keyValues(vhostUserExport)],
  ];
}

/** QEMU's key=value list, in which a comma is written twice. */
function keyValues(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${String(value).replaceAll(',', ',,')}`)
    .join(',');
}
