import { beforeEach, describe, expect, it } from 'vitest';
import { counted, registrationCapacity } from '../../../src/emulated/reservation-state.js';
import type { TransportId } from '../../../src/pr/transport-id.js';
import {
  register,
  registerAndIgnore,
  registerAndMove,
  replaceLostReservation,
  reserve,
} from './support/commands.js';
import { a, b, c, nexusNamed, Reservations } from './support/reservations.js';

let unit: Reservations;
beforeEach(() => {
  unit = new Reservations();
});

function fill(count: number): void {
  for (let i = 0; i < count; i++) {
    expect(unit.run(nexusNamed(`n${i}`), register(0n, 1n))).toBe('good');
  }
}

describe('REGISTER', () => {
  it('registers a nexus that gives key 0', () => {
    expect(unit.run(a, register(0n, 0x11n))).toBe('good');
    expect(unit.keys).toEqual(['a 0x11']);
    expect(unit.generation).toBe(1);
  });

  it('conflicts with any other key of an unregistered nexus', () => {
    expect(unit.run(a, register(0x11n, 0x11n))).toBe('conflict');
    expect(unit.keys).toEqual([]);
    expect(unit.generation).toBe(0);
  });

  it('does nothing, and counts nothing, for an unregistered nexus without a new key', () => {
    expect(unit.run(a, register(0n, 0n, { aptpl: true }))).toBe('good');
    expect(unit.generation).toBe(0);
    expect(unit.aptpl).toBe(false);
  });

  it('changes a key for who knows it', () => {
    unit.run(a, register(0n, 1n));
    expect(unit.run(a, register(2n, 3n))).toBe('conflict');
    expect(unit.run(a, register(0n, 3n))).toBe('conflict');
    expect(unit.run(a, register(1n, 3n))).toBe('good');
    expect(unit.keys).toEqual(['a 0x3']);
    expect(unit.generation).toBe(2);
  });

  it('lets a holder change its key and hold on', () => {
    unit.run(a, register(0n, 1n));
    unit.run(a, reserve(1n, 'exclusive-access'));
    unit.run(a, register(1n, 2n));
    expect(unit.reservation).toBe('exclusive-access 0x2');
  });

  it('keeps one key of several nexuses apart', () => {
    unit.run(a, register(0n, 1n));
    unit.run(b, register(0n, 1n));
    unit.run(a, register(1n, 2n));
    expect(unit.keys).toEqual(['a 0x2', 'b 0x1']);
  });

  it('takes APTPL from the last registration of anybody', () => {
    unit.run(a, register(0n, 1n, { aptpl: true }));
    expect(unit.aptpl).toBe(true);
    unit.run(b, register(0n, 2n));
    expect(unit.aptpl).toBe(false);
  });

  it('unregisters with key 0', () => {
    unit.run(a, register(0n, 1n));
    expect(unit.run(a, register(1n, 0n))).toBe('good');
    expect(unit.keys).toEqual([]);
    expect(unit.generation).toBe(2);
  });

  it('shows ALL_TG_PT as it was given', () => {
    unit.run(a, register(0n, 1n, { allTgPt: true }));
    unit.run(b, register(0n, 2n));
    expect(unit.registrations.map(({ allTgPt }) => allTgPt)).toEqual([true, false]);
  });

  it('has a bound', () => {
    fill(registrationCapacity);
    expect(unit.run(a, register(0n, 1n))).toBe('5/55/04');
    expect(unit.run(a, registerAndIgnore(1n))).toBe('5/55/04');
    expect(unit.run(nexusNamed('n0'), register(1n, 2n))).toBe('good');
    expect(unit.generation).toBe(registrationCapacity + 1);
  });

  it('wraps PRGENERATION after 32 bits', () => {
    expect(counted(0xffff_fffe)).toBe(0xffff_ffff);
    expect(counted(0xffff_ffff)).toBe(0);
  });
});

describe('REGISTER AND IGNORE EXISTING KEY', () => {
  it('registers, changes and unregisters', () => {
    expect(unit.run(a, registerAndIgnore(1n))).toBe('good');
    expect(unit.run(a, registerAndIgnore(2n))).toBe('good');
    expect(unit.keys).toEqual(['a 0x2']);
    expect(unit.run(a, registerAndIgnore(0n))).toBe('good');
    expect(unit.keys).toEqual([]);
    expect(unit.generation).toBe(3);
  });

  it('does nothing for an unregistered nexus without a new key', () => {
    expect(unit.run(a, registerAndIgnore(0n))).toBe('good');
    expect(unit.generation).toBe(0);
  });
});

describe('SPEC_I_PT', () => {
  const named = (node: string, isid?: bigint): TransportId => ({
    protocol: 'iscsi',
    name: `iqn.2026-01.test.cluster:${node}`,
    isid,
  });

  it('registers the sender and everyone named, with or without ISID', () => {
    const command = register(0n, 7n, { specIPt: [named('b', 0n), named('c')], aptpl: true });
    expect(unit.run(a, command)).toBe('good');
    expect(unit.keys).toEqual(['a 0x7', 'b 0x7', 'c 0x7']);
    expect(unit.generation).toBe(1);
    expect(unit.aptpl).toBe(true);
  });

  it('takes an empty list, the sender itself and a name given twice', () => {
    expect(unit.run(a, register(0n, 7n, { specIPt: [] }))).toBe('good');
    const twice = register(0n, 8n, { specIPt: [named('b'), named('c'), named('c', 0n)] });
    expect(unit.run(b, twice)).toBe('good');
    expect(unit.keys).toEqual(['a 0x7', 'b 0x8', 'c 0x8']);
  });

  it('is refused for a registered sender', () => {
    unit.run(a, register(0n, 7n));
    expect(unit.run(a, register(7n, 8n, { specIPt: [named('b')] }))).toBe('5/26/00');
    expect(unit.run(a, register(7n, 0n, { specIPt: [named('b')] }))).toBe('5/26/00');
    expect(unit.run(a, register(1n, 8n, { specIPt: [named('b')] }))).toBe('conflict');
    expect(unit.keys).toEqual(['a 0x7']);
  });

  it('is ignored without a new key', () => {
    expect(unit.run(a, register(0n, 0n, { specIPt: [named('b')] }))).toBe('good');
    expect(unit.keys).toEqual([]);
  });

  it('registers nobody if one of them is registered already', () => {
    unit.run(c, register(0n, 1n));
    expect(unit.run(a, register(0n, 7n, { specIPt: [named('b'), named('c')] }))).toBe('5/26/00');
    expect(unit.keys).toEqual(['c 0x1']);
  });

  it('registers nobody if there is no room for all', () => {
    fill(registrationCapacity - 2);
    expect(unit.run(a, register(0n, 7n, { specIPt: [named('b'), named('c')] }))).toBe('5/55/04');
    expect(unit.registrations).toHaveLength(registrationCapacity - 2);
    expect(unit.run(a, register(0n, 7n, { specIPt: [named('b')] }))).toBe('good');
  });

  it.each<[string, TransportId]>([
    ['a SAS port', { protocol: 'sas', address: 0x5000_0000_0000_0001n }],
    ['another ISID than 0', named('b', 0x23d000000n)],
    ['no iSCSI name', { protocol: 'iscsi', name: 'node-b', isid: undefined }],
  ])('refuses an initiator that nobody can be: %s', (_, transportId) => {
    expect(unit.run(a, register(0n, 7n, { specIPt: [transportId] }))).toBe('5/26/00');
    expect(unit.keys).toEqual([]);
  });
});

describe('unregistering a holder', () => {
  beforeEach(() => {
    for (const nexus of [a, b, c]) unit.run(nexus, register(0n, 1n));
  });

  it.each(['write-exclusive', 'exclusive-access'] as const)('ends %s silently', (type) => {
    unit.run(a, reserve(1n, type));
    unit.run(a, register(1n, 0n));
    expect(unit.reservation).toBe('none');
    expect(unit.attentions).toEqual([]);
  });

  it.each(['write-exclusive-registrants-only', 'exclusive-access-registrants-only'] as const)(
    'ends %s and tells the other registrants',
    (type) => {
      unit.run(a, reserve(1n, type));
      unit.run(a, registerAndIgnore(0n));
      expect(unit.reservation).toBe('none');
      expect(unit.attentions).toEqual(['b 6/2a/04', 'c 6/2a/04']);
    },
  );

  it.each(['write-exclusive-all-registrants', 'exclusive-access-all-registrants'] as const)(
    'leaves %s to the last registrant',
    (type) => {
      unit.run(a, reserve(1n, type));
      unit.run(a, register(1n, 0n));
      expect(unit.attentions).toEqual([]);
      unit.run(b, register(1n, 0n));
      expect(unit.reservation).toBe(`${type} 0x0`);
      unit.run(c, register(1n, 0n));
      expect(unit.reservation).toBe('none');
      expect(unit.attentions).toEqual([]);
    },
  );

  it('tells nobody when a registrant goes that does not hold', () => {
    unit.run(a, reserve(1n, 'write-exclusive-registrants-only'));
    unit.run(b, register(1n, 0n));
    expect(unit.reservation).toBe('write-exclusive-registrants-only 0x1');
    expect(unit.attentions).toEqual([]);
  });
});

describe('REGISTER AND MOVE', () => {
  beforeEach(() => {
    unit.run(a, register(0n, 1n));
  });

  it('gives the reservation to a nexus that it registers', () => {
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, registerAndMove(1n, 9n, b.transportId, { aptpl: true }))).toBe('good');
    expect(unit.keys).toEqual(['a 0x1', 'b 0x9']);
    expect(unit.holders).toEqual(['b']);
    expect(unit.reservation).toBe('write-exclusive 0x9');
    expect(unit.generation).toBe(2);
    expect(unit.aptpl).toBe(true);
    expect(unit.attentions).toEqual([]);
  });

  it('gives a nexus that is registered the new key', () => {
    unit.run(b, register(0n, 2n));
    unit.run(a, reserve(1n, 'exclusive-access-registrants-only'));
    unit.run(a, registerAndMove(1n, 9n, b.transportId));
    expect(unit.keys).toEqual(['a 0x1', 'b 0x9']);
  });

  it('unregisters the sender with UNREG, and the reservation stays where it went', () => {
    unit.run(a, reserve(1n, 'write-exclusive-registrants-only'));
    unit.run(a, registerAndMove(1n, 9n, b.transportId, { unregister: true }));
    expect(unit.keys).toEqual(['b 0x9']);
    expect(unit.holders).toEqual(['b']);
    expect(unit.attentions).toEqual([]);
  });

  it('needs a reservation', () => {
    expect(unit.run(a, registerAndMove(1n, 9n, b.transportId))).toBe('5/24/00');
  });

  it('conflicts for anybody but the holder with its key', () => {
    unit.run(b, register(0n, 2n));
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, registerAndMove(2n, 9n, c.transportId))).toBe('conflict');
    expect(unit.run(b, registerAndMove(2n, 9n, c.transportId))).toBe('conflict');
    expect(unit.run(c, registerAndMove(0n, 9n, a.transportId))).toBe('conflict');
  });

  it('conflicts when all registrants hold', () => {
    unit.run(a, reserve(1n, 'write-exclusive-all-registrants'));
    expect(unit.run(a, registerAndMove(1n, 9n, b.transportId))).toBe('conflict');
  });

  it('refuses a destination that is none', () => {
    unit.run(a, reserve(1n, 'write-exclusive'));
    expect(unit.run(a, registerAndMove(1n, 0n, b.transportId))).toBe('5/26/00');
    expect(unit.run(a, registerAndMove(1n, 9n, a.transportId))).toBe('5/26/00');
    const elsewhere = registerAndMove(1n, 9n, b.transportId, { relativeTargetPort: 2 });
    expect(unit.run(a, elsewhere)).toBe('5/26/00');
    expect(unit.run(a, registerAndMove(1n, 9n, { protocol: 'sas', address: 1n }))).toBe('5/26/00');
    expect(unit.keys).toEqual(['a 0x1']);
    expect(unit.holders).toEqual(['a']);
  });

  it('needs room for the destination even if the sender goes', () => {
    fill(registrationCapacity - 1);
    unit.run(a, reserve(1n, 'write-exclusive'));
    const move = registerAndMove(1n, 9n, b.transportId, { unregister: true });
    expect(unit.run(a, move)).toBe('5/55/04');
    expect(unit.holders).toEqual(['a']);
  });
});

it('REPLACE LOST RESERVATION is not supported', () => {
  expect(unit.run(a, replaceLostReservation)).toBe('5/24/00');
  unit.run(a, register(0n, 1n));
  expect(unit.run(a, replaceLostReservation)).toBe('5/24/00');
});
