import { readFile } from 'node:fs/promises';
import { replaceDurably } from '../util/durable-file.js';
import { errnoOf, ExitCode, Failure, messageOf } from '../util/failure.js';
import { decodeStateFile, encodeStateFile } from './state-file-format.js';
import type { StateStore, StoredReservations } from './state-store.js';

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

  /** Atomic: a crash at any moment leaves the old or the new state. */
  save(stored: StoredReservations): Promise<void> {
    return replaceDurably(this.#path, encodeStateFile(stored));
  }
}
