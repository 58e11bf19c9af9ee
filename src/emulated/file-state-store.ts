import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, ExitCode, Failure, messageOf } from '../util/failure.js';
import { decodeStateFile, encodeStateFile } from './state-file-format.js';
import type { StateStore, StoredReservations } from './state-store.js';

const ownerOnly = 0o600;

/**
 * Reservations in one file. Whoever uses it holds the writer lock of the disk it belongs to, so
 * nobody else reads or writes it.
 */
export class FileStateStore implements StateStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws Failure (image) if the file is there and can't be read, or is not whole */
  async load(): Promise<StoredReservations | undefined> {
    try {
      return decodeStateFile(await readFile(this.#path, 'utf8'));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw new Failure(
        ExitCode.image,
        errnoOf(error) === undefined
          ? `${this.#path} ${messageOf(error)}. It holds the disk's reservations: restore it, or ` +
              `remove it when no guest relies on them`
          : `can't read the reservation state: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * The new file is on the disk before it gets the old one's name, and the name before this
   * resolves: a crash at any moment leaves one of the two, whole.
   */
  async save(stored: StoredReservations): Promise<void> {
    const unfinished = `${this.#path}.new`;
    await writeDurably(unfinished, encodeStateFile(stored));
    await rename(unfinished, this.#path);
    await syncDirectory(dirname(this.#path));
  }
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
