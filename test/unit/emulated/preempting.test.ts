import { beforeEach, describe, expect, it } from 'vitest';
import { preempt, preemptAndAbort, register, reserve } from './support/commands.js';
import { a, b, c, nexusNamed, Reservations } from './support/reservations.js';

const d = nexusNamed('d');
const writeExclusiveRegistrantsOnly = 'write-exclusive-registrants-only';

let unit: Reservations;
beforeEach(() => {
  unit = new Reservations();
  unit.run(a, register(0n, 1n));
  unit.run(b, register(0n, 2n));
  unit.run(c, register(0n, 3n));
});

describe('PREEMPT is refused', () => {
  it('to who is not registered with that key', () => {
    expect(unit.run(d, preempt(0n, 1n, 'write-exclusive'))).toBe('conflict');
    expect(unit.run(a, preempt(2n, 2n, 'write-exclusive'))).toBe('conflict');
  });

  it('for a key that nobody has', () => {
    expect(unit.run(a, preempt(1n, 9n, 'write-exclusive'))).toBe('conflict');
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, preempt(1n, 9n, 'write-exclusive'))).toBe('conflict');
    unit.run(a, preempt(1n, 1n, 'write-exclusive-all-registrants'));
    expect(unit.run(a, preempt(1n, 9n, 'write-exclusive'))).toBe('conflict');
  });

  it('for key 0 unless all registrants hold', () => {
    expect(unit.run(a, preempt(1n, 0n, 'write-exclusive'))).toBe('5/26/00');
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, preempt(1n, 0n, 'write-exclusive'))).toBe('5/26/00');
  });

  it('for a type or scope that is none, where it would establish one', () => {
    unit.run(b, reserve(2n, 'write-exclusive'));
    expect(unit.run(a, preempt(1n, 2n, undefined))).toBe('5/24/00');
    const elsewhere = { ...preempt(1n, 2n, 'write-exclusive'), scope: undefined } as const;
    expect(unit.run(a, elsewhere)).toBe('5/24/00');
  });

  it('and changes nothing then', () => {
    unit.run(b, reserve(2n, 'write-exclusive'));
    unit.run(a, preempt(1n, 9n, 'write-exclusive'));
    unit.run(a, preempt(1n, 0n, 'write-exclusive'));
    unit.run(a, preempt(1n, 2n, undefined));
    expect(unit.keys).toEqual(['a 0x1', 'b 0x2', 'c 0x3']);
    expect(unit.reservation).toBe('write-exclusive 0x2');
    expect(unit.generation).toBe(3);
  });
});

describe('PREEMPT of registrations', () => {
  it('removes them, counts, and tells those who lost theirs', () => {
    expect(unit.run(a, preempt(1n, 2n, undefined))).toBe('good');
    expect(unit.keys).toEqual(['a 0x1', 'c 0x3']);
    expect(unit.generation).toBe(4);
    expect(unit.attentions).toEqual(['b 6/2a/05']);
  });

  it('removes all with that key', () => {
    unit.run(d, register(0n, 2n));
    unit.run(a, preempt(1n, 2n, undefined));
    expect(unit.keys).toEqual(['a 0x1', 'c 0x3']);
    expect(unit.attentions).toEqual(['b 6/2a/05', 'd 6/2a/05']);
  });

  it('leaves the reservation of another alone, and its type', () => {
    unit.run(c, reserve(3n, writeExclusiveRegistrantsOnly));
    unit.run(a, preempt(1n, 2n, 'exclusive-access'));
    expect(unit.reservation).toBe(`${writeExclusiveRegistrantsOnly} 0x3`);
    expect(unit.attentions).toEqual(['b 6/2a/05']);
  });

  it('removes the sender too when it gives its own key', () => {
    unit.run(d, register(0n, 1n));
    expect(unit.run(a, preempt(1n, 1n, undefined))).toBe('good');
    expect(unit.keys).toEqual(['b 0x2', 'c 0x3']);
    expect(unit.attentions).toEqual(['d 6/2a/05']);
  });

  it('removes the sender too while somebody else holds', () => {
    unit.run(b, reserve(2n, writeExclusiveRegistrantsOnly));
    expect(unit.run(a, preempt(1n, 1n, writeExclusiveRegistrantsOnly))).toBe('good');
    expect(unit.keys).toEqual(['b 0x2', 'c 0x3']);
    expect(unit.reservation).toBe(`${writeExclusiveRegistrantsOnly} 0x2`);
  });
});

describe('PREEMPT of the reservation', () => {
  it('takes it over, with another type', () => {
    unit.run(b, reserve(2n, 'write-exclusive'));
    expect(unit.run(a, preempt(1n, 2n, 'exclusive-access'))).toBe('good');
    expect(unit.keys).toEqual(['a 0x1', 'c 0x3']);
    expect(unit.reservation).toBe('exclusive-access 0x1');
    expect(unit.generation).toBe(4);
    expect(unit.attentions).toEqual(['b 6/2a/05', 'c 6/2a/04']);
  });

  it('does not tell the remaining registrants when the type is the same', () => {
    unit.run(b, reserve(2n, writeExclusiveRegistrantsOnly));
    unit.run(a, preempt(1n, 2n, writeExclusiveRegistrantsOnly));
    expect(unit.attentions).toEqual(['b 6/2a/05']);
  });

  it('lets a holder preempt itself: it stays registered, with the new type', () => {
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, preempt(1n, 1n, 'exclusive-access'))).toBe('good');
    expect(unit.keys).toEqual(['a 0x1', 'b 0x2', 'c 0x3']);
    expect(unit.reservation).toBe('exclusive-access 0x1');
    expect(unit.attentions).toEqual(['b 6/2a/04', 'c 6/2a/04']);
  });

  it('keeps the sender when it shares its key with the holder', () => {
    unit.run(d, register(0n, 2n));
    unit.run(d, reserve(2n, 'write-exclusive'));
    unit.run(b, preempt(2n, 2n, 'write-exclusive'));
    expect(unit.keys).toEqual(['a 0x1', 'b 0x2', 'c 0x3']);
    expect(unit.holders).toEqual(['b']);
    expect(unit.attentions).toEqual(['d 6/2a/05']);
  });

  it('can leave it to all registrants', () => {
    unit.run(b, reserve(2n, 'write-exclusive'));
    unit.run(a, preempt(1n, 2n, 'write-exclusive-all-registrants'));
    expect(unit.holders).toEqual(['a', 'c']);
  });
});

describe('PREEMPT under an all-registrants type', () => {
  beforeEach(() => {
    unit.run(a, reserve(1n, 'write-exclusive-all-registrants'));
  });

  it('with key 0 removes all others and establishes the new reservation', () => {
    expect(unit.run(b, preempt(2n, 0n, 'exclusive-access'))).toBe('good');
    expect(unit.keys).toEqual(['b 0x2']);
    expect(unit.reservation).toBe('exclusive-access 0x2');
    expect(unit.attentions).toEqual(['a 6/2a/05', 'c 6/2a/05']);
  });

  it('with a key removes those, type untouched', () => {
    expect(unit.run(b, preempt(2n, 3n, 'exclusive-access'))).toBe('good');
    expect(unit.keys).toEqual(['a 0x1', 'b 0x2']);
    expect(unit.reservation).toBe('write-exclusive-all-registrants 0x0');
    expect(unit.attentions).toEqual(['c 6/2a/05']);
  });

  it('with the own key removes the sender, and the reservation with the last registrant', () => {
    unit.run(a, preempt(1n, 1n, undefined));
    unit.run(b, preempt(2n, 2n, undefined));
    expect(unit.keys).toEqual(['c 0x3']);
    expect(unit.reservation).toBe('write-exclusive-all-registrants 0x0');
    expect(unit.run(c, preempt(3n, 3n, undefined))).toBe('good');
    expect(unit.keys).toEqual([]);
    expect(unit.reservation).toBe('none');
  });
});

describe('PREEMPT AND ABORT', () => {
  it('aborts for all who had that key, PREEMPT for nobody', () => {
    unit.run(d, register(0n, 2n));
    unit.run(a, preempt(1n, 3n, undefined));
    expect(unit.aborted).toEqual([]);
    unit.run(a, preemptAndAbort(1n, 2n, undefined));
    expect(unit.aborted).toEqual(['b', 'd']);
    expect(unit.attentions).toEqual(['b 6/2a/05', 'd 6/2a/05']);
  });

  it('aborts for every registrant when key 0 takes the reservation from all', () => {
    unit.run(a, reserve(1n, 'write-exclusive-all-registrants'));
    unit.run(b, preemptAndAbort(2n, 0n, 'write-exclusive'));
    expect(unit.aborted).toEqual(['a', 'b', 'c']);
  });

  it('does otherwise what PREEMPT does', () => {
    unit.run(b, reserve(2n, 'write-exclusive'));
    expect(unit.run(a, preemptAndAbort(1n, 2n, 'exclusive-access'))).toBe('good');
    expect(unit.reservation).toBe('exclusive-access 0x1');
    expect(unit.aborted).toEqual(['b']);
    expect(unit.attentions).toEqual(['b 6/2a/05', 'c 6/2a/04']);
  });
});
