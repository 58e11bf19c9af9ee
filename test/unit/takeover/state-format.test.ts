import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeStateFile } from '../../../src/emulated/state-file-format.js';
import { decodeState, encodeState, stateVersions } from '../../../src/takeover/state-format.js';
import type { TakeoverState } from '../../../src/takeover/state.js';

/** As a release that wrote this version left it: never to be changed. */
function fixture(version: number): Record<string, unknown> {
  const url = new URL(`fixtures/version-${version}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Record<string, unknown>;
}

/** Numbers of descriptors that nobody takes for places in the list. */
const fds = Array.from({ length: 9 }, (_, at) => 100 + at);

it('each version that is claimed to be read has a fixture, and is read', () => {
  for (const version of stateVersions) {
    const { disks, guests } = decodeState(fixture(version), fds);
    expect(disks.map(({ lun, image }) => [lun, image])).toEqual([
      [0, 100],
      [1, 101],
    ]);
    expect(guests.map(({ initiator }) => initiator)).toEqual([
      'iqn.2026-11.org.example:vm1',
      'vm2',
    ]);
    const [first, second] = guests;
    expect(first?.attachment.listener).toBe(102);
    expect(first?.attachment.session?.connection).toBe(103);
    expect(first?.attachment.session?.told.map((message) => message.fds)).toEqual([
      [],
      [104],
      [105],
      [106],
      [107],
    ]);
    expect(first?.attachment.session?.told[0]?.payload).toEqual(
      Buffer.from([0x29, 0x92, 0, 0, 0, 0, 0, 0]),
    );
    expect(second?.attachment).toEqual({ listener: 108, session: undefined });
  }
});

it("the fixture's reservations are those of a state file", () => {
  const { disks } = decodeState(fixture(1), fds);
  const stored = decodeStateFile(disks[0]?.reservations ?? '');
  expect([...stored.registrations.values()].map(({ key }) => key)).toEqual([5n]);
  expect(stored.handover?.legacyHolder).toBeUndefined();
});

it('what is written is what is read', () => {
  const state = decodeState(fixture(1), fds);
  const { document, fds: written } = encodeState(state);
  expect(written).toHaveLength(fds.length);
  expect(decodeState(JSON.parse(JSON.stringify(document)), written)).toEqual(state);
  expect((document as { version: number }).version).toBe(stateVersions[0]);
});

it('descriptors that are missing, there twice, or for nothing are refused', () => {
  expect(() => decodeState(fixture(1), fds.slice(1))).toThrow('descriptor 8 is missing');
  expect(() => decodeState(fixture(1), [...fds, 200])).toThrow('nothing refers to');
  const twice = fixture(1);
  const [first] = twice.disks as unknown[];
  twice.disks = [first, first];
  expect(() => decodeState(twice, fds)).toThrow('descriptor 0 is missing, or there twice');
});

it('a version that is not known is refused', () => {
  expect(() => decodeState({ ...fixture(1), version: 2 }, fds)).toThrow('not valid');
});

it('whatever else comes is refused, or is a state', () => {
  const document = fixture(1);
  const places = (value: unknown): (string | number)[][] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, inner]) => [
          [name],
          ...places(inner).map((rest) => [name, ...rest]),
        ])
      : [];
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(-1, 2 ** 53, null, '', [], {}));
  fc.assert(
    fc.property(fc.constantFrom(...places(document)), value, (place, other) => {
      const changed = structuredClone(document);
      let at: Record<string | number, unknown> = changed;
      for (const name of place.slice(0, -1)) at = at[name] as Record<string | number, unknown>;
      at[place.at(-1) ?? ''] = other;
      let state: TakeoverState;
      try {
        state = decodeState(changed, fds);
      } catch (error) {
        expect((error as Error).name).toBe('Failure');
        return;
      }
      expect(encodeState(state).fds.length).toBe(fds.length);
    }),
    { numRuns: 2000 },
  );
});
