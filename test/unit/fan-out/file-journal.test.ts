import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FileJournal } from '../../../src/fan-out/file-journal.js';
import { emptyEntry, type JournalEntry } from '../../../src/fan-out/journal.js';
import { decodeJournal, encodeJournal } from '../../../src/fan-out/journal-format.js';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { reservationTypes } from '../../../src/pr/reservation.js';
import type { TransportId } from '../../../src/pr/transport-id.js';
import { ExitCode, Failure } from '../../../src/util/failure.js';

const wwid = 'naa.600140500000000000000000000000a1';

let folder: string;
let journal: FileJournal;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-journal-'));
  journal = new FileJournal(join(folder, 'state'), wwid);
  await journal.prepare();
});

afterEach(() => rm(folder, { recursive: true }));

it('says at once that nothing can be kept where a file is in the way', async () => {
  await writeFile(join(folder, 'file'), '');
  const misplaced = new FileJournal(join(folder, 'file', 'state'), wwid);
  await expect(misplaced.prepare()).rejects.toThrow(/can't be written \(ENOTDIR\)/);
});

const entry: JournalEntry = {
  intent: {
    key: 0xffff_ffff_ffff_ffffn,
    otherKey: 1n,
    aptpl: true,
    type: 'write-exclusive-registrants-only',
    holderPath: 'a',
    epoch: 7,
  },
  own: new Map([['a', 'iqn.x:a,i,0x000000000000,t,0x0001']]),
  believed: new Map([['b', 2n]]),
  unconfirmed: new Set(['b']),
  owed: { senseKey: 6, asc: 0x2a, ascq: 0x05 },
  pending: {
    command: { action: 'clear', prkey: 1n },
    key: 1n,
    before: {
      generation: 4_294_967_295,
      registrations: [{ nexusId: undefined, key: 3n, holds: true }],
      type: undefined,
      ports: new Map(),
    },
    paths: ['a', 'b'],
    over: false,
  },
};

it('has nothing at first', async () => {
  expect(await journal.load()).toBeUndefined();
});

it('gives back what was saved last, for this logical unit only', async () => {
  await journal.save(emptyEntry);
  await journal.save(entry);
  expect(await journal.load()).toEqual(entry);
  expect(await new FileJournal(join(folder, 'state'), 'naa.6001').load()).toBeUndefined();
});

it('is for its owner alone, and leaves no other file', async () => {
  await journal.save(entry);
  expect(await readdir(join(folder, 'state'))).toEqual([`${wwid}.journal`]);
  expect((await stat(join(folder, 'state', `${wwid}.journal`))).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, 'state'))).mode & 0o777).toBe(0o700);
});

it.each([
  ['a changed key', (text: string) => text.replace('0xffffffffffffffff', '0xfffffffffffffffe')],
  ['a cut end', (text: string) => text.slice(0, -3)],
  ['another file', () => 'root:x:0:0:root:/root:/bin/bash\n'],
  ['another version', (text: string) => text.replace(' 1 ', ' 2 ')],
  ['nothing in it', () => ''],
])('is not read with %s', async (_, damage) => {
  await journal.save(entry);
  const path = join(folder, 'state', `${wwid}.journal`);
  await writeFile(path, damage(await readFile(path, 'utf8')));
  const failure: unknown = await journal.load().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Failure);
  expect((failure as Failure).exitCode).toBe(ExitCode.image);
  expect((failure as Failure).message).toContain(path);
});

it.each(['', '../x', 'a/b', '.hidden', 'a'.repeat(300)])('refuses the WWID %j', (name) => {
  expect(() => new FileJournal(folder, name)).toThrow(Failure);
});

const key = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const flag = fc.boolean();
const scopeAndType = {
  scope: fc.constantFrom('logical-unit' as const, undefined),
  type: fc.constantFrom(...reservationTypes, undefined),
};
const uint16 = fc.integer({ min: 0, max: 0xffff });

const transportId: fc.Arbitrary<TransportId> = fc.oneof(
  fc.record({ protocol: fc.constant('fibre-channel' as const), portName: key }),
  fc.record({
    protocol: fc.constant('parallel-scsi' as const),
    scsiAddress: uint16,
    relativeTargetPort: uint16,
  }),
  fc.record({ protocol: fc.constant('sbp' as const), eui64: key }),
  fc.record({
    protocol: fc.constant('srp' as const),
    initiatorPort: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
  }),
  fc.record({
    protocol: fc.constant('iscsi' as const),
    name: fc.string({ maxLength: 223 }),
    isid: fc.option(fc.bigInt({ min: 0n, max: (1n << 48n) - 1n }), { nil: undefined }),
  }),
  fc.record({ protocol: fc.constant('sas' as const), address: key }),
  fc.record({ protocol: fc.constant('sop' as const), routingId: uint16 }),
);

const command: fc.Arbitrary<PrOutCommand> = fc.oneof(
  fc.record({
    action: fc.constant('register' as const),
    prkey: key,
    serviceActionKey: key,
    aptpl: flag,
    allTgPt: flag,
    specIPt: fc.constant(undefined),
  }),
  fc.record({
    action: fc.constant('register-and-ignore-existing-key' as const),
    serviceActionKey: key,
    aptpl: flag,
    allTgPt: flag,
  }),
  fc.record({ action: fc.constant('reserve' as const), prkey: key, ...scopeAndType }),
  fc.record({ action: fc.constant('release' as const), prkey: key, ...scopeAndType }),
  fc.record({ action: fc.constant('clear' as const), prkey: key }),
  fc.record({
    action: fc.constantFrom('preempt' as const, 'preempt-and-abort' as const),
    prkey: key,
    serviceActionKey: key,
    ...scopeAndType,
  }),
  fc.record({
    action: fc.constant('register-and-move' as const),
    prkey: key,
    serviceActionKey: key,
    unregister: flag,
    aptpl: flag,
    relativeTargetPort: uint16,
    destination: transportId,
  }),
);

it('keeps every command that can be under way', () => {
  fc.assert(
    fc.property(command, (each) => {
      const pending = { ...(entry.pending as object), command: each } as JournalEntry['pending'];
      expect(decodeJournal(encodeJournal({ ...entry, pending })).pending?.command).toEqual(each);
    }),
  );
});
