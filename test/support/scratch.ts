import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that is removed when the test ends, however it ends. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A sparse image of `sizeBytes` in a scratch folder of its own. */
export function scratchImage(sizeBytes: number): string {
  const path = join(scratchFolder(), 'image');
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
  return path;
}

/** Where a test's server listens; short enough for a socket address. */
export function scratchSocket(): string {
  return join(scratchFolder(), 'socket');
}
