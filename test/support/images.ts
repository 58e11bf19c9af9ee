/** What test/images/build.sh makes, and how programs of its trees are run. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const checkout = fileURLToPath(new URL('../..', import.meta.url));
const scripts = `${checkout}test/images`;
const images = `${checkout}.cache/images`;

/** A root directory to run programs in: this machine's or one made of packages. */
export const trees = { machine: '/', trixie: `${images}/trixie`, qemu11: `${images}/qemu-11` };
export type Tree = keyof typeof trees;

/** What a guest's initramfs holds: tools for file systems, or also a cluster node's software. */
export type Software = 'files' | 'cluster';

/** Of user-mode Linux: also an iSCSI target (LIO) and libiscsi's tests. */
export type UmlSoftware = Software | 'iscsi';

export const qemuGuest = {
  kernel: `${images}/qemu-guest/vmlinuz`,
  initramfs: initramfsIn('qemu-guest'),
};
export const umlGuest = {
  initramfs: {
    ...initramfsIn('uml-guest'),
    iscsi: `${images}/uml-guest/iscsi-initramfs`,
  } satisfies Record<UmlSoftware, string>,
};

/** Lines of kernels that lab machines run. */
export const labKernels = ['6.1', '6.12', '7'] as const;
export type LabKernel = (typeof labKernels)[number];

export const labRoot = `${images}/lab-root/root.erofs`;

/** Files of a lab machine's kernel. */
export function labKernelFiles(kernel: LabKernel) {
  const directory = `${images}/lab-kernel-${kernel}`;
  return {
    vmlinuz: `${directory}/vmlinuz`,
    initramfs: `${directory}/initramfs`,
    modules: `${directory}/modules.erofs`,
  };
}

/** Makes what lab machines need and is missing: some 100 s and 500 MB at first. */
export async function buildLabImages(kernel: LabKernel): Promise<void> {
  await buildImages('trixie', 'uml-guest', 'lab-root', `lab-kernel-${kernel}`);
}

/** QEMU's vhost-user-blk, whose vhost-user is its libvhost-user's. */
export const libvhostUser = `${images}/libvhost-user/vhost-user-blk`;

export const grub = { boot: `${images}/grub/boot.img`, core: `${images}/grub/core.img` };

function initramfsIn(image: string): Record<Software, string> {
  return {
    files: `${images}/${image}/initramfs`,
    cluster: `${images}/${image}/cluster-initramfs`,
  };
}

/** Makes what is missing, by default what `npm test` needs: some 60 s and 200 MB at first. */
export async function buildImages(...names: string[]): Promise<void> {
  await run(`${scripts}/build.sh`, names);
}

/**
 * The command line that runs `command` inside `tree`; the process keeps the id it is started with.
 * `runDirectory` appears as /run/holdfast there.
 */
export function inTree(tree: Tree, command: string[], runDirectory?: string): string[] {
  const run = runDirectory === undefined ? [] : ['--run', runDirectory];
  return [`${scripts}/enter.sh`, trees[tree], ...run, ...command];
}
