import { beforeEach, describe, expect, it } from 'vitest';
import {
  readFullStatus,
  readKeys,
  register,
  registerAndIgnore,
  release6,
  reserve,
  reserve6,
} from './support/commands.js';
import { a, b, c, Reservations } from './support/reservations.js';

let unit: Reservations;
beforeEach(() => {
  unit = new Reservations();
});

describe('RESERVE(6) and RELEASE(6)', () => {
  it('shut everybody else out until released', () => {
    expect(unit.run(a, reserve6)).toBe('good');
    expect(unit.run(a, reserve6)).toBe('good');
    expect(unit.run(b, reserve6)).toBe('conflict');
    expect([a, b].map((nexus) => unit.access(nexus))).toEqual(['rw', '']);
    expect(unit.run(a, release6)).toBe('good');
    expect(unit.access(b)).toBe('rw');
  });

  it('RELEASE of somebody else does nothing', () => {
    unit.run(a, reserve6);
    expect(unit.run(b, release6)).toBe('good');
    expect(unit.access(b)).toBe('');
  });

  it('make every PERSISTENT RESERVE conflict, also for the holder', () => {
    unit.run(a, reserve6);
    for (const nexus of [a, b]) {
      expect(unit.run(nexus, register(0n, 1n))).toBe('conflict');
      expect(unit.run(nexus, registerAndIgnore(1n))).toBe('conflict');
      expect(unit.run(nexus, readKeys)).toBe('conflict');
      expect(unit.run(nexus, readFullStatus)).toBe('conflict');
    }
    unit.run(a, release6);
    expect(unit.run(b, register(0n, 1n))).toBe('good');
  });
});

describe('beside registrations', () => {
  beforeEach(() => {
    unit.run(a, register(0n, 1n));
    unit.run(b, register(0n, 2n));
  });

  it('conflict while nothing is reserved, also for registrants', () => {
    for (const nexus of [a, b, c]) {
      expect(unit.run(nexus, reserve6)).toBe('conflict');
      expect(unit.run(nexus, release6)).toBe('conflict');
    }
  });

  it.each(['write-exclusive', 'exclusive-access'] as const)(
    'under %s they are GOOD for the holder alone, and do nothing',
    (type) => {
      unit.run(a, reserve(1n, type));
      expect([a, b, c].map((nexus) => unit.run(nexus, reserve6))).toEqual([
        'good',
        'conflict',
        'conflict',
      ]);
      expect([a, b, c].map((nexus) => unit.run(nexus, release6))).toEqual([
        'good',
        'conflict',
        'conflict',
      ]);
      expect(unit.legacyHolder).toBeUndefined();
      expect(unit.reservation).toBe(`${type} 0x1`);
    },
  );

  it.each([
    'write-exclusive-registrants-only',
    'exclusive-access-registrants-only',
    'write-exclusive-all-registrants',
    'exclusive-access-all-registrants',
  ] as const)('under %s they are GOOD for every registrant, and do nothing', (type) => {
    unit.run(a, reserve(1n, type));
    expect([a, b, c].map((nexus) => unit.run(nexus, reserve6))).toEqual([
      'good',
      'good',
      'conflict',
    ]);
    expect([a, b, c].map((nexus) => unit.run(nexus, release6))).toEqual([
      'good',
      'good',
      'conflict',
    ]);
    expect(unit.legacyHolder).toBeUndefined();
    expect(unit.holders).toContain('a');
  });
});
