import type { JournalEntry, JournalStore } from '../fan-out/journal.js';
import type { RegistrationNotices } from '../multipath/registration-notices.js';
import type { PathSource } from '../pr/path.js';

/**
 * A journal that tells multipathd what is recorded: a new key before the paths are touched, since
 * the fan-out records its intent before it acts, and everything else when it has settled.
 */
export class NotifyingJournal implements JournalStore {
  readonly #journal: JournalStore;
  readonly #notices: RegistrationNotices;
  readonly #source: PathSource;
  #key = 0n;
  #paths: readonly string[] = [];
  #holds = false;

  constructor(journal: JournalStore, notices: RegistrationNotices, source: PathSource) {
    this.#journal = journal;
    this.#notices = notices;
    this.#source = source;
  }

  async load(): Promise<JournalEntry | undefined> {
    const entry = await this.#journal.load();
    this.#key = entry?.intent?.key ?? 0n;
    return entry;
  }

  /** @throws Error if multipathd does not take a new key: it would put the old one back */
  async save(entry: JournalEntry): Promise<void> {
    const { intent, pending } = entry;
    if (intent !== undefined && intent.key !== this.#key) {
      if (!(await this.#notices.registering(intent.key, intent.aptpl))) {
        throw new Error('multipathd does not take the new key');
      }
      this.#key = intent.key;
    }
    await this.#journal.save(entry);
    if (pending === undefined) await this.#tellOfSettled(entry);
  }

  async #tellOfSettled({ intent, own }: JournalEntry): Promise<void> {
    if (intent === undefined) {
      if (this.#key !== 0n) await this.#notices.unregistered();
      this.#key = 0n;
      this.#paths = [];
      this.#holds = false;
      return;
    }
    const paths = this.#source
      .paths()
      .filter(({ id }) => own.has(id))
      .map(({ name }) => name);
    if (paths.join() !== this.#paths.join()) await this.#notices.registered(paths);
    this.#paths = paths;
    const holds = intent.type !== undefined;
    if (holds !== this.#holds) await this.#notices.reserved(holds);
    this.#holds = holds;
  }
}
