import { beforeEach, describe, expect, it } from 'vitest';
import { admitsRegistrants, reservationTypes } from '../../../src/pr/reservation.js';
import { clear, readKeys, register, release, reserve } from './support/commands.js';
import { a, b, c, Reservations } from './support/reservations.js';

let unit: Reservations;
beforeEach(() => {
  unit = new Reservations();
  unit.run(a, register(0n, 1n));
  unit.run(b, register(0n, 2n));
});

describe('RESERVE', () => {
  it.each(reservationTypes)('establishes %s and does not count', (type) => {
    expect(unit.run(a, reserve(1n, type))).toBe('good');
    const shared = type.endsWith('all-registrants');
    expect(unit.reservation).toBe(`${type} ${shared ? '0x0' : '0x1'}`);
    expect(unit.holders).toEqual(shared ? ['a', 'b'] : ['a']);
    expect(unit.generation).toBe(2);
    expect(unit.attentions).toEqual([]);
  });

  it('conflicts for who is not registered with that key', () => {
    expect(unit.run(c, reserve(0n, 'write-exclusive'))).toBe('conflict');
    expect(unit.run(a, reserve(2n, 'write-exclusive'))).toBe('conflict');
    expect(unit.reservation).toBe('none');
  });

  it('is repeated by the holder only', () => {
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, reserve(1n, 'write-exclusive'))).toBe('good');
    expect(unit.run(a, reserve(1n, 'exclusive-access'))).toBe('conflict');
    expect(unit.run(b, reserve(2n, 'write-exclusive'))).toBe('conflict');
    expect(unit.reservation).toBe('write-exclusive 0x1');
  });

  it('is repeated by every registrant under an all-registrants type', () => {
    unit.run(a, reserve(1n, 'write-exclusive-all-registrants'));
    expect(unit.run(b, reserve(2n, 'write-exclusive-all-registrants'))).toBe('good');
    expect(unit.run(b, reserve(2n, 'exclusive-access-all-registrants'))).toBe('conflict');
  });

  it('refuses a type or scope that is none', () => {
    expect(unit.run(a, reserve(1n, undefined))).toBe('5/24/00');
    const elsewhere = { ...reserve(1n, 'write-exclusive'), scope: undefined } as const;
    expect(unit.run(a, elsewhere)).toBe('5/24/00');
    expect(unit.reservation).toBe('none');
  });
});

describe('RELEASE', () => {
  it.each(reservationTypes)('ends %s, does not count, and tells whom it concerns', (type) => {
    unit.run(a, reserve(1n, type));
    expect(unit.run(a, release(1n, type))).toBe('good');
    expect(unit.reservation).toBe('none');
    expect(unit.keys).toEqual(['a 0x1', 'b 0x2']);
    expect(unit.generation).toBe(2);
    expect(unit.attentions).toEqual(admitsRegistrants(type) ? ['b 6/2a/04'] : []);
  });

  it('does nothing for a registrant that does not hold, whatever its type', () => {
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(b, release(2n, 'write-exclusive'))).toBe('good');
    expect(unit.run(b, release(2n, undefined))).toBe('good');
    expect(unit.reservation).toBe('write-exclusive 0x1');
    expect(unit.attentions).toEqual([]);
  });

  it('does nothing when nothing is reserved, whatever the registrant gives', () => {
    expect(unit.run(a, release(1n, undefined))).toBe('good');
    expect(unit.run(a, release(9n, 'write-exclusive'))).toBe('good');
  });

  it('conflicts for who is not registered, also when nothing is reserved', () => {
    expect(unit.run(c, release(0n, 'write-exclusive'))).toBe('conflict');
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(c, release(0n, 'write-exclusive'))).toBe('conflict');
  });

  it('conflicts for a wrong key', () => {
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, release(2n, 'write-exclusive'))).toBe('conflict');
    expect(unit.run(b, release(1n, 'write-exclusive'))).toBe('conflict');
  });

  it('refuses another type or scope than what is held', () => {
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, release(1n, 'exclusive-access'))).toBe('5/26/04');
    expect(unit.run(a, release(1n, undefined))).toBe('5/26/04');
    const elsewhere = { ...release(1n, 'write-exclusive'), scope: undefined } as const;
    expect(unit.run(a, elsewhere)).toBe('5/26/04');
    expect(unit.reservation).toBe('write-exclusive 0x1');
  });

  it('is any registrant’s under an all-registrants type', () => {
    unit.run(a, reserve(1n, 'exclusive-access-all-registrants'));
    expect(unit.run(b, release(2n, 'exclusive-access-all-registrants'))).toBe('good');
    expect(unit.reservation).toBe('none');
    expect(unit.attentions).toEqual(['a 6/2a/04']);
  });
});

describe('CLEAR', () => {
  it('removes everything, counts once and tells the others', () => {
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(b, clear(2n))).toBe('good');
    expect(unit.keys).toEqual([]);
    expect(unit.reservation).toBe('none');
    expect(unit.generation).toBe(3);
    expect(unit.attentions).toEqual(['a 6/2a/03']);
  });

  it('works without a reservation', () => {
    expect(unit.run(a, clear(1n))).toBe('good');
    expect(unit.attentions).toEqual(['b 6/2a/03']);
  });

  it('conflicts for who is not registered with that key', () => {
    expect(unit.run(c, clear(0n))).toBe('conflict');
    expect(unit.run(a, clear(2n))).toBe('conflict');
    expect(unit.keys).toEqual(['a 0x1', 'b 0x2']);
    expect(unit.generation).toBe(2);
  });
});

it('PERSISTENT RESERVE IN is open to all and changes nothing', () => {
  expect(unit.run(c, readKeys)).toBe('good');
  expect(unit.generation).toBe(2);
});
