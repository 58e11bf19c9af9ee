import type { JournalEntry, JournalStore } from '../../../../src/fan-out/journal.js';

/** Survives the fan-out, not the test. */
export class MemoryJournal implements JournalStore {
  saved: JournalEntry | undefined;
  /** Called by every `save` before it takes effect; may reject. */
  beforeSave: () => Promise<void> = () => Promise.resolve();

  load(): Promise<JournalEntry | undefined> {
    return Promise.resolve(this.saved);
  }

  async save(entry: JournalEntry): Promise<void> {
    await this.beforeSave();
    this.saved = entry;
  }
}
