import { decodeJournal, encodeJournal } from '../../../../src/fan-out/journal-format.js';
import type { JournalEntry, JournalStore } from '../../../../src/fan-out/journal.js';

/** Survives the process, not the test; in the form in which a file would have it. */
export class MemoryJournal implements JournalStore {
  text: string | undefined;
  /** Called by every `save` before it takes effect; may reject. */
  beforeSave: () => Promise<void> = () => Promise.resolve();

  load(): Promise<JournalEntry | undefined> {
    return Promise.resolve(this.text === undefined ? undefined : decodeJournal(this.text));
  }

  async save(entry: JournalEntry): Promise<void> {
    const text = encodeJournal(entry);
    await this.beforeSave();
    this.text = text;
  }
}
