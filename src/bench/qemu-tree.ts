/**
 * QEMU 11's qemu-storage-daemon for an older Debian: its packages of trixie-backports and what they
 * need of trixie, unpacked aside into `.cache/bench` of the checkout.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { checkoutPath } from './checkout.js';

const tree = checkoutPath('.cache/bench/qemu-11');
const unpackScript = checkoutPath('test/images/debian-tree.sh');
const enterScript = checkoutPath('test/images/enter.sh');

/**
 * Makes the tree unless it is there (about 12 MB of downloads, root only).
 * @returns what turns a command into one that runs inside the tree, as the same process.
 */
export async function treeCommand(): Promise<(command: readonly string[]) => string[]> {
  if (!existsSync(tree)) await makeTree();
  return (command) => ['sh', enterScript, tree, ...command];
}

async function makeTree(): Promise<void> {
  const unfinished = `${tree}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  const apt = checkoutPath('.cache/bench/apt');
  mkdirSync(apt, { recursive: true });
  const unpack = (...args: string[]) =>
    promisify(execFile)('sh', [unpackScript, ...args], {
      env: { ...process.env, HOLDFAST_APT: apt },
    });
  // base-files first and alone: it makes /lib and its like the links into /usr that all rely on.
  await unpack('--alone', unfinished, 'trixie', 'base-files');
  await unpack(unfinished, 'trixie,trixie-backports', 'qemu-utils');
  renameSync(unfinished, tree);
}
