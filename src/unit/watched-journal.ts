import type { JournalEntry, JournalStore } from '../fan-out/journal.js';

/** A journal that tells what it was given to keep. */
export class WatchedJournal implements JournalStore {
  readonly #journal: JournalStore;
  readonly #onChange: () => void;
  #registered = false;

  constructor(journal: JournalStore, onChange: () => void) {
    this.#journal = journal;
    this.#onChange = onChange;
  }

  /** This host means to be registered, or may be. */
  get registered(): boolean {
    return this.#registered;
  }

  async load(): Promise<JournalEntry | undefined> {
    const entry = await this.#journal.load();
    this.#look(entry);
    return entry;
  }

  async save(entry: JournalEntry): Promise<void> {
    await this.#journal.save(entry);
    this.#look(entry);
    this.#onChange();
  }

  #look(entry: JournalEntry | undefined): void {
    this.#registered = entry?.intent !== undefined || entry?.pending !== undefined;
  }
}
