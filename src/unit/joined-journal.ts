import { joined } from '../fan-out/handover.js';
import { emptyEntry, type JournalEntry, type JournalStore } from '../fan-out/journal.js';

/** The journal of a guest that comes from another process: what that one left, and what is known here. */
export class JoinedJournal implements JournalStore {
  readonly #journal: JournalStore;
  readonly #left: JournalEntry;

  constructor(journal: JournalStore, left: JournalEntry) {
    this.#journal = journal;
    this.#left = left;
  }

  /** @throws also what `save` throws: what was left is nowhere else from now on */
  async load(): Promise<JournalEntry> {
    const entry = joined(this.#left, (await this.#journal.load()) ?? emptyEntry);
    await this.#journal.save(entry);
    return entry;
  }

  save(entry: JournalEntry): Promise<void> {
    return this.#journal.save(entry);
  }
}
