import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileStateStore } from '../../../src/emulated/file-state-store.js';
import { decodeStateFile, encodeStateFile } from '../../../src/emulated/state-file-format.js';
import { registrationCapacity } from '../../../src/emulated/reservation-state.js';
import type { StoredReservations } from '../../../src/emulated/state-store.js';
import { heldByAllRegistrants, reservationTypes } from '../../../src/pr/reservation.js';
import { ExitCode, Failure } from '../../../src/util/failure.js';
import { scratchFolder } from '../../support/scratch.js';
import { a, b, nexusNamed } from './support/reservations.js';

const stored: StoredReservations = {
  generation: 7,
  aptpl: true,
  registrations: new Map([
    [b.id, { nexus: b, key: 0xffff_ffff_ffff_ffffn, allTgPt: true }],
    [a.id, { nexus: a, key: 1n, allTgPt: false }],
  ]),
  reservation: { type: 'write-exclusive', holder: a.id },
};

const anyStored: fc.Arbitrary<StoredReservations> = fc
  .record({
    generation: fc.integer({ min: 0, max: 0xffff_ffff }),
    aptpl: fc.boolean(),
    table: fc.uniqueArray(
      fc.record({
        node: fc.integer({ min: 0, max: 999 }),
        key: fc.bigInt({ min: 1n, max: 0xffff_ffff_ffff_ffffn }),
        allTgPt: fc.boolean(),
      }),
      { selector: ({ node }) => node, maxLength: registrationCapacity },
    ),
    type: fc.option(fc.constantFrom(...reservationTypes)),
  })
  .map(({ generation, aptpl, table, type }) => {
    const entries = table.map(({ node, ...rest }) => ({ nexus: nexusNamed(`n${node}`), ...rest }));
    const holder = entries[0]?.nexus.id;
    return {
      generation,
      aptpl,
      registrations: new Map(entries.map((entry) => [entry.nexus.id, entry])),
      reservation:
        type === null || holder === undefined
          ? undefined
          : { type, holder: heldByAllRegistrants(type) ? undefined : holder },
    };
  });

describe('the state file', () => {
  it('gives back what was put into it', () => {
    fc.assert(
      fc.property(anyStored, (any) => {
        const decoded = decodeStateFile(encodeStateFile(any));
        expect(decoded).toEqual(any);
        expect([...decoded.registrations.keys()]).toEqual([...any.registrations.keys()]);
      }),
    );
  });

  it('is refused whenever a byte of it is missing or another', () => {
    const file = encodeStateFile(stored);
    for (let length = 0; length < file.length; length++) {
      expect(() => decodeStateFile(file.slice(0, length)), `cut at ${length}`).toThrow();
    }
    for (let at = 0; at < file.length; at++) {
      const other = file[at] === 'x' ? 'y' : 'x';
      const damaged = file.slice(0, at) + other + file.slice(at + 1);
      expect(() => decodeStateFile(damaged), `changed at ${at}`).toThrow();
    }
    expect(() => decodeStateFile(`${file}\n`)).toThrow('checksum');
    expect(() => decodeStateFile('\0'.repeat(file.length))).toThrow('no reservation state file');
  });

  it('of another version is refused by its version', () => {
    const file = encodeStateFile(stored).replace(
      'holdfast-reservations 1 ',
      'holdfast-reservations 2 ',
    );
    expect(() => decodeStateFile(file)).toThrow('has version 2; this program knows version 1');
  });

  it('is refused when it says what can not be', () => {
    const registration = { nexus: a, key: 1n, allTgPt: false };
    const odd: [Partial<StoredReservations>, string][] = [
      [{ reservation: { type: 'write-exclusive', holder: nexusNamed('z').id } }, 'nobody can hold'],
      [{ reservation: { type: 'write-exclusive', holder: undefined } }, 'nobody can hold'],
      [{ reservation: { type: 'write-exclusive-all-registrants', holder: a.id } }, 'nobody can'],
      [
        { registrations: new Map([['x', { ...registration, nexus: { ...a, id: 'x' } }]]) },
        'names x',
      ],
      [
        {
          registrations: new Map([
            ['x', registration],
            ['y', registration],
          ]),
        },
        'or twice',
      ],
      [{ registrations: new Map([[a.id, { ...registration, key: 0n }]]) }, 'Invalid format'],
      [{ generation: 2 ** 32 }, 'Invalid value'],
      [{ generation: 0.5 }, 'Invalid integer'],
    ];
    for (const [part, reason] of odd) {
      const file = encodeStateFile({ ...stored, ...part });
      expect(() => decodeStateFile(file), reason).toThrow(reason);
    }
  });

  it('holds no more than the table', () => {
    const registrations = new Map(
      Array.from({ length: registrationCapacity + 1 }, (_, i) => {
        const nexus = nexusNamed(`n${i}`);
        return [nexus.id, { nexus, key: 1n, allTgPt: false }];
      }),
    );
    const file = encodeStateFile({ ...stored, registrations, reservation: undefined });
    expect(() => decodeStateFile(file)).toThrow('Invalid length');
  });
});

describe('FileStateStore', () => {
  it('has nothing where there is no file', async () => {
    expect(await new FileStateStore(join(scratchFolder(), 'state')).load()).toBeUndefined();
  });

  it('keeps what was saved last, for its owner only, and no other file', async () => {
    const folder = scratchFolder();
    const path = join(folder, 'state');
    await new FileStateStore(path).save({ ...stored, generation: 6 });
    await new FileStateStore(path).save(stored);
    expect(await new FileStateStore(path).load()).toEqual(stored);
    expect(readdirSync(folder)).toEqual(['state']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('does not mind what an interrupted save left', async () => {
    const path = join(scratchFolder(), 'state');
    const store = new FileStateStore(path);
    await store.save(stored);
    writeFileSync(`${path}.new`, 'half a sta'.repeat(1000));
    expect(await store.load()).toEqual(stored);
    await store.save({ ...stored, generation: 8 });
    expect(await store.load()).toEqual({ ...stored, generation: 8 });
  });

  it('refuses a damaged file, says which, and leaves it alone', async () => {
    const path = join(scratchFolder(), 'state');
    const damaged = encodeStateFile(stored).slice(0, -1);
    writeFileSync(path, damaged);
    const refusal = await rejection(new FileStateStore(path).load());
    expect(refusal).toBeInstanceOf(Failure);
    expect(refusal).toMatchObject({ exitCode: ExitCode.image });
    expect(refusal.message).toContain(`${path} is damaged: its checksum does not match`);
    expect(readFileSync(path, 'utf8')).toBe(damaged);
  });

  it('refuses a file that can not be read', async () => {
    const path = join(scratchFolder(), 'state');
    mkdirSync(path);
    expect((await rejection(new FileStateStore(path).load())).message).toMatch(
      /can't read .*EISDIR/,
    );
  });

  it('fails to save where it can not, and keeps the old', async () => {
    const folder = scratchFolder();
    const path = join(folder, 'state');
    const store = new FileStateStore(path);
    await store.save(stored);
    mkdirSync(`${path}.new`);
    expect((await rejection(store.save({ ...stored, generation: 8 }))).message).toContain('EISDIR');
    expect(await store.load()).toEqual(stored);
  });
});

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
}
