import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const ownerOnly = 0o600;

/**
 * Replaces a file's text. The new file is on the disk before it gets the old one's name, and the
 * name before this resolves: a crash at any moment leaves one of the two, whole.
 * @throws the system's error
 */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const unfinished = `${path}.new`;
  await writeDurably(unfinished, text);
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', ownerOnly);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
