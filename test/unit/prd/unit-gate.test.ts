import { beforeEach, describe, expect, it } from 'vitest';
import type { DataPath } from '../../../src/prd/data-path.js';
import { UnitGate } from '../../../src/prd/unit-gate.js';

let calls: string[];

beforeEach(() => {
  calls = [];
});

function path(name: string, stops = true): DataPath {
  return {
    stop: () => calls.push(`${name} stop`),
    stopped: () => Promise.resolve(stops),
    resume: (epoch) => calls.push(`${name} resume ${epoch}`.trimEnd()),
    setConflicts: (way) => calls.push(`${name} ${way}`),
  };
}

describe('UnitGate', () => {
  it('holds nothing where nobody can be stopped', async () => {
    const gate = new UnitGate(undefined);
    expect(gate.holdsAll).toBe(false);
    gate.close();
    expect(await gate.drained(0)).toBe(true);
    gate.open();
  });

  it('holds the map where it may be suspended', async () => {
    const gate = new UnitGate(path('map', false));
    expect(gate.holdsAll).toBe(true);
    gate.close();
    expect(await gate.drained(0)).toBe(false);
    gate.open();
    expect(calls).toEqual(['map stop', 'map resume']);
  });

  it('asks the attached client and leaves the map alone', async () => {
    const gate = new UnitGate(path('map'));
    gate.attach(path('client'));
    calls = [];
    gate.close();
    expect(await gate.drained(0)).toBe(true);
    gate.open();
    expect(calls).toEqual(['client stop', 'client resume']);
  });

  it('lets a client begin only when it is open, and tells it how conflicts are dealt with', () => {
    const gate = new UnitGate(undefined);
    gate.conflicts = 'answer';
    gate.close();
    gate.attach(path('client'));
    expect(calls).toEqual(['client answer', 'client stop']);
    gate.open();
    expect(calls.at(-1)).toBe('client resume');
  });

  it('resumes a map that was suspended before a client came', () => {
    const gate = new UnitGate(path('map'));
    gate.close();
    gate.attach(path('client'));
    gate.open();
    expect(calls.filter((call) => call.includes('resume'))).toEqual([
      'map resume',
      'client resume',
    ]);
  });

  it('tells the present epoch to whoever it lets go on', () => {
    const gate = new UnitGate(path('map'));
    gate.beginEpoch('1');
    gate.close();
    gate.attach(path('client'));
    gate.beginEpoch('2');
    gate.open();
    expect(calls.slice(-2)).toEqual(['map resume 2', 'client resume 2']);
  });
});
