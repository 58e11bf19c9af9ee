/** Random histories of several nexuses, on the machine and on a naive model of it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { registrationCapacity } from '../../../src/emulated/reservation-state.js';
import type { ReservationCommand } from '../../../src/pr/command.js';
import type { ReservationType } from '../../../src/pr/reservation.js';
import {
  clear,
  preempt,
  preemptAndAbort,
  readKeys,
  register,
  registerAndIgnore,
  registerAndMove,
  release,
  release6,
  reserve,
  reserve6,
} from './support/commands.js';
import { type NaiveCommand, NaiveModel, typeCodes } from './support/naive-model.js';
import { nexusNamed, Reservations } from './support/reservations.js';

const typeNames: Record<number, ReservationType> = {
  1: 'write-exclusive',
  3: 'exclusive-access',
  5: 'write-exclusive-registrants-only',
  6: 'exclusive-access-registrants-only',
  7: 'write-exclusive-all-registrants',
  8: 'exclusive-access-all-registrants',
};

// Few keys and nodes, so that keys match, collide and are shared often.
const nodes = ['a', 'b', 'c', 'd'];
const node = fc.constantFrom(...nodes);
const key = fc.integer({ min: 0, max: 3 });
const type = fc.constantFrom(0, ...typeCodes);
const aptpl = fc.boolean();

/** Milliseconds; the runs are counted, not timed. */
const timeout = 120_000;

interface Step {
  node: string;
  command: NaiveCommand;
  /** Take the sender's own key, whatever the command says. */
  knowsItsKey: boolean;
}

const command: fc.Arbitrary<NaiveCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: op('REGISTER'),
      rk: key,
      sark: key,
      aptpl,
      specIPt: fc.option(fc.array(node, { maxLength: 3 }), { freq: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: op('REGISTER AND IGNORE'), sark: key, aptpl }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: op('REGISTER AND MOVE'),
      rk: key,
      sark: key,
      node,
      unreg: fc.boolean(),
      aptpl,
    }),
  },
  { weight: 6, arbitrary: fc.record({ op: op('RESERVE', 'RELEASE'), rk: key, type }) },
  { weight: 1, arbitrary: fc.record({ op: op('CLEAR'), rk: key }) },
  {
    weight: 6,
    arbitrary: fc.record({ op: op('PREEMPT', 'PREEMPT AND ABORT'), rk: key, sark: key, type }),
  },
  { weight: 2, arbitrary: fc.record({ op: op('READ KEYS', 'RESERVE(6)', 'RELEASE(6)') }) },
);

function op<Name extends string>(...names: Name[]): fc.Arbitrary<Name> {
  return fc.constantFrom(...names);
}

const step: fc.Arbitrary<Step> = fc.record({
  node,
  command,
  knowsItsKey: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
});

/** Of every length up to `maxLength`; short ones alone, as by default, seldom have two registrants. */
function histories(maxLength: number): fc.Arbitrary<Step[]> {
  return fc.array(step, { maxLength, size: 'max' });
}

it('agrees with a naive model on every random history', { timeout }, () => {
  fc.assert(
    fc.property(histories(40), (history) => {
      const model = new NaiveModel(registrationCapacity);
      const machine = new Reservations();
      for (const { node, command, knowsItsKey } of history) {
        const given =
          knowsItsKey && 'rk' in command ? { ...command, rk: model.keyOf(node) } : command;
        const expected = model.run(node, given);
        expect(machine.run(nexusNamed(node), realCommand(given))).toBe(expected);
        expect(machine.attentions).toEqual(
          model.attentions.map((text) => text.replace(' ', ' 6/')).sort(),
        );
        expect(seen(machine)).toEqual(modelled(model));
      }
    }),
    { numRuns: 3000 },
  );
});

it('agrees when the table of registrations is full', { timeout }, () => {
  const almostFull = Array.from({ length: registrationCapacity - 2 }, (_, i) => `n${i}`);
  fc.assert(
    fc.property(histories(15), (history) => {
      const model = new NaiveModel(registrationCapacity);
      const machine = new Reservations();
      for (const node of almostFull) {
        model.run(node, { op: 'REGISTER AND IGNORE', sark: 9, aptpl: false });
        machine.run(nexusNamed(node), registerAndIgnore(9n));
      }
      for (const { node, command } of history) {
        const given = 'rk' in command ? { ...command, rk: model.keyOf(node) } : command;
        const expected = model.run(node, given);
        expect(machine.run(nexusNamed(node), realCommand(given))).toBe(expected);
      }
      expect(seen(machine)).toEqual(modelled(model));
    }),
    { numRuns: 200 },
  );
});

/** Everything that can be seen from outside, in words that both sides have. */
function seen(machine: Reservations): unknown {
  return {
    generation: machine.generation,
    aptpl: machine.aptpl,
    access: nodes.map((each) => machine.access(nexusNamed(each))),
    ...(machine.legacyHolder === undefined
      ? { keys: machine.keys, reservation: machine.reservation, holders: machine.holders }
      : { legacyHolder: machine.legacyHolder }),
  };
}

function modelled(model: NaiveModel): unknown {
  const { generation, aptpl, registrants, reservedBy, holder } = model;
  const holders = registrants.filter((entry) => model.holds(entry.node)).map((entry) => entry.node);
  const holderKey = holder === '' ? 0 : model.keyOf(holder);
  return {
    generation,
    aptpl,
    access: nodes.map((each) => model.access(each)),
    ...(reservedBy === ''
      ? {
          keys: registrants.map((entry) => `${entry.node} 0x${entry.key.toString(16)}`),
          reservation:
            model.type === 0 ? 'none' : `${typeNames[model.type]} 0x${holderKey.toString(16)}`,
          holders,
        }
      : { legacyHolder: nexusNamed(reservedBy).id }),
  };
}

function realCommand(command: NaiveCommand): ReservationCommand {
  switch (command.op) {
    case 'REGISTER': {
      const { rk, sark, aptpl, specIPt } = command;
      const list = specIPt === null ? {} : { specIPt: specIPt.map(transportId) };
      return register(BigInt(rk), BigInt(sark), { aptpl, ...list });
    }
    case 'REGISTER AND IGNORE':
      return registerAndIgnore(BigInt(command.sark), { aptpl: command.aptpl });
    case 'REGISTER AND MOVE': {
      const { rk, sark, node, unreg: unregister, aptpl } = command;
      return registerAndMove(BigInt(rk), BigInt(sark), transportId(node), { unregister, aptpl });
    }
    case 'RESERVE':
      return reserve(BigInt(command.rk), typeNames[command.type]);
    case 'RELEASE':
      return release(BigInt(command.rk), typeNames[command.type]);
    case 'CLEAR':
      return clear(BigInt(command.rk));
    case 'PREEMPT':
      return preempt(BigInt(command.rk), BigInt(command.sark), typeNames[command.type]);
    case 'PREEMPT AND ABORT':
      return preemptAndAbort(BigInt(command.rk), BigInt(command.sark), typeNames[command.type]);
    case 'READ KEYS':
      return readKeys;
    case 'RESERVE(6)':
      return reserve6;
    case 'RELEASE(6)':
      return release6;
  }
}

function transportId(each: string) {
  return nexusNamed(each).transportId;
}
