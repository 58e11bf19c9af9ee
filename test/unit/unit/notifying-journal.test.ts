import { expect, it } from 'vitest';
import type { Intent } from '../../../src/fan-out/intent.js';
import { emptyEntry, type JournalEntry, type JournalStore } from '../../../src/fan-out/journal.js';
import { NotifyingJournal } from '../../../src/unit/notifying-journal.js';
import type { RegistrationNotices } from '../../../src/multipath/registration-notices.js';
import type { Path } from '../../../src/pr/path.js';

/** A journal above one in memory; what is stored and told, in order. */
function setUp(stored?: JournalEntry) {
  const events: string[] = [];
  const multipathd = { takesKeys: true };
  const inner: JournalStore = {
    load: () => Promise.resolve(stored),
    save: () => {
      events.push('saved');
      return Promise.resolve();
    },
  };
  const notices: RegistrationNotices = {
    registering: (key, aptpl) => {
      events.push(`key ${key.toString(16)}${aptpl ? ' aptpl' : ''}`);
      return Promise.resolve(multipathd.takesKeys);
    },
    registered: (paths) => {
      events.push(`registered ${paths.join(' ')}`);
      return Promise.resolve();
    },
    unregistered: () => {
      events.push('unregistered');
      return Promise.resolve();
    },
    reserved: (holds) => {
      events.push(holds ? 'holds' : 'released');
      return Promise.resolve();
    },
  };
  const paths = [
    { id: 'proven', name: 'sdb' },
    { id: 'without', name: 'sdc' },
    { id: 'believed', name: 'sdd' },
  ] as Path[];
  const journal = new NotifyingJournal(inner, notices, { paths: () => paths });
  const told = () => events.splice(0);
  return { journal, told, multipathd };
}

/** An entry of a host with three paths, two of which have the key. */
function entry(changes: Partial<JournalEntry>): JournalEntry {
  const own = new Map([['proven', 'iqn.2024-01.lab:a,t,0x0001']]);
  const key = changes.intent?.key ?? 0n;
  return { ...emptyEntry, own, believed: new Map([['believed', key]]), ...changes };
}

function intent(key: bigint, changes: Partial<Intent> = {}): Intent {
  const rest = { otherKey: undefined, type: undefined, holderPath: undefined };
  return { key, aptpl: false, epoch: 1, ...rest, ...changes };
}

function registering(key: bigint, over = false): NonNullable<JournalEntry['pending']> {
  const command = {
    action: 'register-and-ignore-existing-key',
    serviceActionKey: key,
    aptpl: false,
    allTgPt: false,
  } as const;
  const before = { generation: 0, registrations: [], holder: undefined };
  return { command, key: 0n, before, paths: [], over } as never;
}

it('clears what multipathd may remember of earlier use', async () => {
  const { journal, told } = setUp();
  await journal.load();
  expect(told()).toEqual(['key 0', 'unregistered']);
});

it('tells a new key when it is durable and before a path is touched, and once the paths have it', async () => {
  const { journal, told } = setUp();
  await journal.load();
  told();
  await journal.save({ ...emptyEntry, pending: registering(0xa1n) });
  expect(told()).toEqual(['saved', 'key a1']);
  await journal.save(entry({ intent: intent(0xa1n), pending: registering(0xa1n, true) }));
  expect(told()).toEqual(['saved', 'registered sdb sdd']);
  await journal.save(entry({ intent: intent(0xa1n) }));
  expect(told()).toEqual(['saved']);
});

it('tells the old key again when the new one was not registered', async () => {
  const { journal, told } = setUp(entry({ intent: intent(0xa1n, { aptpl: true }) }));
  await journal.load();
  // Nobody has looked yet whether the guest was preempted meanwhile.
  expect(told()).toEqual(['key a1 aptpl']);
  const old = intent(0xa1n, { aptpl: true });
  await journal.save(entry({ intent: old, pending: registering(0xa2n) }));
  expect(told()).toEqual(['saved', 'key a2']);
  await journal.save(entry({ intent: old, pending: registering(0xa2n, true) }));
  expect(told()).toEqual(['saved', 'key a1 aptpl', 'registered sdb sdd']);
});

it('tells of the reservation, and that nothing is left when the guest was preempted', async () => {
  const { journal, told } = setUp(entry({ intent: intent(0xa1n) }));
  await journal.load();
  told();
  const type = 'write-exclusive-registrants-only';
  await journal.save(entry({ intent: intent(0xa1n, { type }) }));
  expect(told()).toEqual(['saved', 'holds']);
  await journal.save(emptyEntry);
  expect(told()).toEqual(['saved', 'key 0', 'unregistered', 'released']);
});

it('does not call a key registered while the change of it is not settled', async () => {
  const { journal, told } = setUp(entry({ intent: intent(0xa1n) }));
  await journal.load();
  told();
  await journal.save(entry({ intent: intent(0xa2n, { otherKey: 0xa1n }) }));
  expect(told()).toEqual(['saved', 'key a2']);
  await journal.save(entry({ intent: intent(0xa2n) }));
  expect(told()).toEqual(['saved', 'registered sdb sdd']);
});

it('fails when multipathd takes no key, and tells it the next time', async () => {
  const { journal, told, multipathd } = setUp();
  await journal.load();
  told();
  multipathd.takesKeys = false;
  const attempt = entry({ pending: registering(0xa1n) });
  await expect(journal.save(attempt)).rejects.toThrow(
    'multipathd did not take the reservation key',
  );
  await journal.save(emptyEntry);
  // After a failure all is told again.
  expect(told()).toEqual(['saved', 'key a1', 'saved', 'key 0', 'unregistered', 'released']);
  multipathd.takesKeys = true;
  await journal.save(attempt);
  expect(told()).toEqual(['saved', 'key a1']);
});
