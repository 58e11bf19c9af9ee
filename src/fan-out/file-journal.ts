import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from '../util/durable-file.js';
import { errnoOf, ExitCode, Failure, messageOf } from '../util/failure.js';
import type { JournalEntry, JournalStore } from './journal.js';
import { decodeJournal, encodeJournal } from './journal-format.js';

/**
 * The journal of one logical unit in one file. Whoever uses it is the only one on this host that
 * uses that logical unit.
 */
export class FileJournal implements JournalStore {
  readonly #folder: string;
  readonly #path: string;

  /**
   * @param folder made if it is not there
   * @param wwid of the logical unit, hex digits with a prefix of letters and dots
   * @throws Failure (usage) if that can't be a file's name
   */
  constructor(folder: string, wwid: string) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(wwid)) {
      throw new Failure(ExitCode.usage, `${JSON.stringify(wwid)} is no WWID`);
    }
    this.#folder = folder;
    this.#path = join(folder, `${wwid}.journal`);
  }

  /** @throws Failure (image) if the file is there and can't be read, or is not whole */
  async load(): Promise<JournalEntry | undefined> {
    try {
      return decodeJournal(await readFile(this.#path, 'utf8'));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw new Failure(
        ExitCode.image,
        errnoOf(error) === undefined
          ? `${this.#path} ${messageOf(error)}. It tells which registrations are this host's: ` +
              `restore it, or remove it when no guest relies on them`
          : `can't read the fan-out journal: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * To be called before the first guest comes, whose commands would all fail otherwise.
   * @throws Failure (image) if nothing can be kept in the folder
   */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await access(this.#folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new Failure(
        ExitCode.image,
        `${this.#folder} can't be written (${errnoOf(error) ?? messageOf(error)}), where it is kept which registrations are this host's: make it for this user, or name another folder by --state-directory`,
        { cause: error },
      );
    }
  }

  /** Atomic: a crash at any moment leaves the old or the new journal. */
  async save(entry: JournalEntry): Promise<void> {
    await replaceDurably(this.#path, encodeJournal(entry));
  }
}
