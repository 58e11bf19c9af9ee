import { describe, expect, it } from 'vitest';
import {
  registrationsPreempted,
  reservationsPreempted,
  reservationsReleased,
} from '../../../src/pr/sense.js';
import { UnitAttentions } from '../../../src/pr/unit-attention.js';

describe('UnitAttentions', () => {
  it('gives conditions in their order, each once', () => {
    const attentions = new UnitAttentions();
    attentions.establish(registrationsPreempted);
    attentions.establish(reservationsReleased);
    attentions.establish({ ...registrationsPreempted });
    expect(attentions.take()).toEqual(registrationsPreempted);
    expect(attentions.take()).toEqual(reservationsReleased);
    expect(attentions.take()).toBeUndefined();
  });

  it('may be established again once it was taken', () => {
    const attentions = new UnitAttentions();
    attentions.establish(reservationsPreempted);
    attentions.take();
    attentions.establish(reservationsPreempted);
    expect(attentions.take()).toEqual(reservationsPreempted);
  });

  it('gives no condition that was withdrawn, and says when that was the last', () => {
    const told: boolean[] = [];
    const attentions = new UnitAttentions((pending) => told.push(pending));
    attentions.withdraw(reservationsPreempted);
    attentions.establish(reservationsPreempted);
    attentions.establish(reservationsReleased);
    attentions.withdraw({ ...reservationsPreempted });
    expect(told).toEqual([true]);
    attentions.withdraw(reservationsReleased);
    expect(told).toEqual([true, false]);
    expect(attentions.take()).toBeUndefined();
  });

  it('tells when it fills and when it empties, after the fact', () => {
    const told: boolean[] = [];
    const attentions = new UnitAttentions((pending) => {
      told.push(pending);
      expect(attentions.pending).toBe(pending);
    });
    attentions.establish(reservationsPreempted);
    attentions.establish(reservationsReleased);
    attentions.take();
    expect(told).toEqual([true]);
    attentions.take();
    attentions.take();
    expect(told).toEqual([true, false]);
  });
});
