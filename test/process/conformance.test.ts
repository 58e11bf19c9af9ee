/** The conflict tables, each cell by a real initiator through the native fence of a real server. */
import { afterAll, beforeAll, describe } from 'vitest';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeAccess } from '../conformance/access-suite.js';
import { ServedDisk } from '../conformance/served-disk.js';
import { describeServiceActions } from '../conformance/service-action-suite.js';
import { nexusNamed } from '../unit/emulated/support/reservations.js';

const disk = new ServedDisk();
const cleanups: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  const folder = scratchFolder(tmpdir());
  const image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, 2 ** 20);
  const guests = ['holder', 'registered', 'unregistered'].map((name) => ({
    nexus: nexusNamed(name),
    socketPath: join(folder, name),
  }));
  // In memory: every registration is synced, and nothing here is about what survives.
  const state = join(scratchFolder('/dev/shm'), 'reservations');
  await disk.start({ image, state, guests, onEnd: (end) => cleanups.push(end) });
});

function scratchFolder(parent: string): string {
  const folder = mkdtempSync(join(parent, 'holdfast-'));
  cleanups.push(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

describe('access', () => {
  describeAccess(disk);
});

describe('service actions', () => {
  describeServiceActions(disk);
});
