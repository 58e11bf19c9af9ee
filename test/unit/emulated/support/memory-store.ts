import type { StateStore, StoredReservations } from '../../../../src/emulated/state-store.js';

/** Survives the machine, not the process. */
export class MemoryStore implements StateStore {
  saved: StoredReservations | undefined;
  /** Called by every `save` before it takes effect; may throw or take its time. */
  beforeSave: () => Promise<void> = () => Promise.resolve();

  load(): Promise<StoredReservations | undefined> {
    return Promise.resolve(this.saved);
  }

  async save(stored: StoredReservations): Promise<void> {
    await this.beforeSave();
    this.saved = stored;
  }
}
