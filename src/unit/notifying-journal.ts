import type { JournalEntry, JournalStore } from '../fan-out/journal.js';
import type { RegistrationNotices } from '../multipath/registration-notices.js';
import type { PathSource } from '../pr/path.js';

/** What multipathd is to know. */
interface Registration {
  /** 0n: none. */
  readonly key: bigint;
  readonly aptpl: boolean;
  /** The paths have the key: nothing is under way that changes it. */
  readonly isSettled: boolean;
  readonly holds: boolean;
}

const nothing: Registration = { key: 0n, aptpl: false, isSettled: true, holds: false };

/**
 * Tells multipathd of the registration whenever the journal learns of it, which is where the fan-out
 * says what it is about to do before it touches a path. So a path that multipathd brings back
 * meanwhile gets the new key and not the old one, and none when the guest was preempted.
 */
export class NotifyingJournal implements JournalStore {
  readonly #journal: JournalStore;
  readonly #notices: RegistrationNotices;
  readonly #source: Pick<PathSource, 'paths'>;
  #told: Registration | undefined;

  /** @param source of the names of the paths that have the key */
  constructor(
    journal: JournalStore,
    notices: RegistrationNotices,
    source: Pick<PathSource, 'paths'>,
  ) {
    this.#journal = journal;
    this.#notices = notices;
    this.#source = source;
  }

  /**
   * Tells the key, since multipathd may remember an older one, but not that the paths have it: the
   * guest may have been preempted since, and multipathd would put the key back on what lacks it.
   */
  async load(): Promise<JournalEntry | undefined> {
    const entry = await this.#journal.load();
    const now = entry === undefined ? nothing : registrationOf(entry);
    await this.#tellKey(now);
    if (now.key === 0n) await this.#notices.unregistered();
    this.#told = now;
    return entry;
  }

  /** @throws Error if multipathd does not take a key, which then may not be registered */
  async save(entry: JournalEntry): Promise<void> {
    await this.#journal.save(entry);
    await this.#tell(registrationOf(entry), entry);
  }

  async #tell(now: Registration, entry: JournalEntry): Promise<void> {
    const told = this.#told;
    const isNewKey = now.key !== told?.key || now.aptpl !== told.aptpl;
    if (isNewKey) {
      this.#told = undefined;
      await this.#tellKey(now);
    }
    if (now.isSettled && (isNewKey || !told.isSettled)) await this.#tellStatus(now, entry);
    if (now.holds !== told?.holds) await this.#notices.reserved(now.holds);
    this.#told = now;
  }

  async #tellKey({ key, aptpl }: Registration): Promise<void> {
    const isTaken = await this.#notices.registering(key, aptpl);
    if (!isTaken && key !== 0n) throw new Error('multipathd did not take the reservation key');
  }

  async #tellStatus({ key }: Registration, { own, believed }: JournalEntry): Promise<void> {
    if (key === 0n) {
      await this.#notices.unregistered();
      return;
    }
    // multipathd registers those itself that are not named.
    const paths = this.#source
      .paths()
      .filter(({ id }) => own.has(id) || believed.get(id) === key)
      .map(({ name }) => name);
    await this.#notices.registered(paths);
  }
}

function registrationOf({ intent, pending }: JournalEntry): Registration {
  const settled =
    intent === undefined
      ? nothing
      : {
          key: intent.key,
          aptpl: intent.aptpl,
          isSettled: intent.otherKey === undefined,
          holds: intent.type !== undefined,
        };
  if (pending === undefined || pending.over) return settled;
  const { command } = pending;
  switch (command.action) {
    case 'register':
    case 'register-and-ignore-existing-key': {
      const { serviceActionKey: key, aptpl } = command;
      return { ...settled, key, aptpl, isSettled: false };
    }
    default:
      return settled;
  }
}
