import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

import { checkout } from '../../support/images.js';

const run = promisify(execFile);

/** Of the disk, whatever is on it: a snapshot remembers the size. */
const sizeBytes = 128 * 2 ** 20;

const parts = [
  'dist',
  'examples',
  'package.json',
  'build/release/holdfast.node',
  'build/release/holdfast-initiator',
  'build/release/holdfast-loadgen',
];

/**
 * Packs what setup/build.sh made, and what it needs at run time, as the disk that lab machines mount.
 * @param directory where the image and what it is made of go, under .cache
 * @returns the image's path
 */
export async function packHoldfast(directory: string): Promise<string> {
  const stage = await mkdtemp(`${directory}/stage-`);
  const image = `${stage}.erofs`;
  try {
    await chmod(stage, 0o755);
    for (const path of [...parts, ...(await productionPackages())]) {
      await mkdir(dirname(`${stage}/${path}`), { recursive: true });
      await cp(`${checkout}${path}`, `${stage}/${path}`, { recursive: true });
    }
    await run('mkfs.erofs', [image, stage], { maxBuffer: 2 ** 26 });
  } finally {
    await rm(stage, { recursive: true });
  }
  await truncate(image, sizeBytes);
  await rename(image, `${directory}/holdfast.erofs`);
  return `${directory}/holdfast.erofs`;
}

interface LockFile {
  packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
}

/** Directories of the installed packages that holdfast needs when it runs. */
async function productionPackages(): Promise<string[]> {
  const installed = await readFile(`${checkout}node_modules/.package-lock.json`, 'utf8');
  const { packages } = JSON.parse(installed) as LockFile;
  return Object.entries(packages)
    .filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true)
    .map(([path]) => path);
}
