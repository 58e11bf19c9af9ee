import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PrOutCommand } from '../../../src/pr/command.js';
import { reservationTypes } from '../../../src/pr/reservation.js';
import type { TransportId } from '../../../src/pr/transport-id.js';
import { prOutCommandsNaming } from './support/arbitraries.js';
import { bytes } from './support/bytes.js';
import { diskWith, fieldInError, ScriptedReservations, send, verdict } from './support/disk.js';

const hex = (value: bigint | number, digits: number) => value.toString(16).padStart(digits, '0');

function cdb(serviceAction: number, scopeAndType: number, length: number): string {
  return `5f ${hex(serviceAction, 2)} ${hex(scopeAndType, 2)} 0000 ${hex(length, 8)} 00`;
}

/** The parameter list of all actions but REGISTER AND MOVE. */
function basicList(prkey: bigint, serviceActionKey: bigint, flags: number, more = ''): string {
  return `${hex(prkey, 16)} ${hex(serviceActionKey, 16)} 00000000 ${hex(flags, 2)} 000000 ${more}`;
}

async function sendOut(serviceAction: number, scopeAndType: number, list: string, length?: number) {
  const reservations = new ScriptedReservations();
  const sent = bytes(list);
  const answer = await send(
    diskWith({ reservations }),
    cdb(serviceAction, scopeAndType, length ?? sent.length),
    sent,
  );
  return { answer, commands: reservations.commands };
}

const typeCodes = [0x1, 0x3, 0x5, 0x6, 0x7, 0x8];
const sas = '06 000000 5000c50012345678 000000000000000000000000';
const sasPort: TransportId = { protocol: 'sas', address: 0x5000c50012345678n };

/** The second codec: from a command to its bytes, as the tables of SPC-4 §6.16 draw them. */
function naiveBytes(
  command: PrOutCommand,
): [serviceAction: number, scopeType: number, hex: string] {
  const scopeType = (at: { scope: unknown; type: unknown }) => {
    const code = typeCodes[(reservationTypes as readonly unknown[]).indexOf(at.type)];
    return (at.scope === undefined ? 0x10 : 0) + (code ?? 0xf);
  };
  switch (command.action) {
    case 'register': {
      const { prkey, serviceActionKey, aptpl, allTgPt, specIPt } = command;
      const flags = (aptpl ? 1 : 0) + (allTgPt ? 4 : 0) + (specIPt === undefined ? 0 : 8);
      const ids = specIPt?.map(() => sas).join('') ?? '';
      const more = specIPt === undefined ? '' : `${hex(specIPt.length * 24, 8)} ${ids}`;
      return [0, 0, basicList(prkey, serviceActionKey, flags, more)];
    }
    case 'reserve':
      return [1, scopeType(command), basicList(command.prkey, 0xdeadn, 0x05)];
    case 'release':
      return [2, scopeType(command), basicList(command.prkey, 0xdeadn, 0x05)];
    case 'clear':
      return [3, 0xff, basicList(command.prkey, 0xdeadn, 0x05)];
    case 'preempt':
      return [4, scopeType(command), basicList(command.prkey, command.serviceActionKey, 0)];
    case 'preempt-and-abort':
      return [5, scopeType(command), basicList(command.prkey, command.serviceActionKey, 0)];
    case 'register-and-ignore-existing-key': {
      const flags = (command.aptpl ? 1 : 0) + (command.allTgPt ? 4 : 0);
      return [6, 0, basicList(0xdeadn, command.serviceActionKey, flags)];
    }
    case 'register-and-move': {
      const { prkey, serviceActionKey, unregister, aptpl, relativeTargetPort } = command;
      const flags = (unregister ? 2 : 0) + (aptpl ? 1 : 0);
      const keys = `${hex(prkey, 16)} ${hex(serviceActionKey, 16)}`;
      return [7, 0, `${keys} 00 ${hex(flags, 2)} ${hex(relativeTargetPort, 4)} 00000018 ${sas}`];
    }
    case 'replace-lost-reservation': {
      const { prkey, serviceActionKey, aptpl } = command;
      return [8, scopeType(command), basicList(prkey, serviceActionKey, aptpl ? 1 : 0)];
    }
  }
}

const commands = prOutCommandsNaming(fc.constant(sasPort));

it('is the command that its bytes mean', async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (command) => {
      const { answer, commands } = await sendOut(...naiveBytes(command));
      expect(verdict(answer)).toBe('good');
      expect(commands).toEqual([command]);
    }),
    { numRuns: 500 },
  );
});

it('keeps an undefined type, which some actions ignore', async () => {
  for (const code of [0x0, 0x2, 0x4, 0x9, 0xf]) {
    const { commands } = await sendOut(1, code, basicList(1n, 0n, 0));
    expect(commands).toMatchObject([{ scope: 'logical-unit', type: undefined }]);
  }
});

describe('parameter list length', () => {
  const actions = [0, 1, 2, 3, 4, 5, 6, 7, 8];

  it.each(actions)('service action %i: 0, 23 and 25 bytes are an error', async (action) => {
    for (const length of [0, 1, 8, 23, 25, 28]) {
      const { answer, commands } = await sendOut(action, 0x01, '00'.repeat(length));
      expect([length, verdict(answer), commands]).toEqual([length, '5/1a/00', []]);
    }
  });

  it.each(actions)('service action %i: fewer bytes than the CDB says', async (action) => {
    for (const length of [24, 48, 8193, 0xffffffff]) {
      const { answer, commands } = await sendOut(action, 0x01, '00'.repeat(23), length);
      expect([length, verdict(answer), commands]).toEqual([length, '5/1a/00', []]);
    }
  });

  it('what was sent beyond it is not looked at', async () => {
    const { answer, commands } = await sendOut(3, 0, basicList(1n, 0n, 0, 'ffffffff'), 24);
    expect([verdict(answer), commands]).toEqual(['good', [{ action: 'clear', prkey: 1n }]]);
  });
});

describe('SPEC_I_PT', () => {
  it.each([1, 2, 3, 4, 5, 6, 8])('is refused for service action %i', async (action) => {
    const { answer, commands } = await sendOut(action, 0x01, basicList(1n, 2n, 0x08));
    expect([verdict(answer), fieldInError(answer), commands]).toEqual([
      '5/26/00',
      'list 20 bit 3',
      [],
    ]);
  });

  const cases: [string, string, string, string][] = [
    ['no length', '', '5/1a/00', 'nowhere'],
    ['half a length', '0000', '5/1a/00', 'nowhere'],
    ['a length beyond the list', `00000019 ${sas}`, '5/1a/00', 'nowhere'],
    ['a huge length', `ffffffff ${sas}`, '5/1a/00', 'nowhere'],
    ['more bytes than the length', `00000018 ${sas} 00`, '5/1a/00', 'nowhere'],
    ['half a TransportID', `0000000c ${sas.slice(0, 28)}`, '5/26/00', 'list 28'],
    ['a bad second TransportID', `00000030 ${sas} ff${sas.slice(2)}`, '5/26/00', 'list 52'],
    ['an empty list', '00000000', 'good', 'nowhere'],
  ];
  it.each(cases)('%s: %s', async (_, more, expected, field) => {
    const { answer } = await sendOut(0, 0, basicList(1n, 2n, 0x08, more));
    expect(verdict(answer)).toBe(expected);
    if (expected !== 'good') expect(fieldInError(answer)).toBe(field);
  });
});

describe('REGISTER AND MOVE', () => {
  const head = `${hex(1, 16)} ${hex(2, 16)} 00 00 0001`;
  const cases: [string, string, string, string][] = [
    ['no TransportID', '00000000', '5/26/00', 'list 20'],
    ['a short TransportID', `00000014 ${'00'.repeat(20)}`, '5/26/00', 'list 20'],
    ['a length beyond the list', `00000019 ${sas}`, '5/1a/00', 'nowhere'],
    ['a huge length', `fffffff8 ${sas}`, '5/1a/00', 'nowhere'],
    ['two TransportIDs', `00000030 ${sas}${sas}`, '5/26/00', 'list 24'],
    ['a bad TransportID', `00000018 ff${sas.slice(2)}`, '5/26/00', 'list 24'],
  ];
  it.each(cases)('%s: %s', async (_, more, expected, field) => {
    const { answer, commands } = await sendOut(7, 0, `${head} ${more}`);
    expect([verdict(answer), fieldInError(answer), commands]).toEqual([expected, field, []]);
  });
});

it('service actions that do not exist are refused in the CDB, before the list is read', async () => {
  for (let action = 9; action < 0x20; action++) {
    const { answer, commands } = await sendOut(action, 0, basicList(1n, 2n, 0));
    expect([verdict(answer), fieldInError(answer), commands]).toEqual([
      '5/24/00',
      'cdb 1 bit 4',
      [],
    ]);
  }
});

it('hands every outcome on', async () => {
  const reservations = new ScriptedReservations();
  const unit = diskWith({ reservations });
  const clear = () => send(unit, cdb(3, 0, 24), bytes(basicList(1n, 0n, 0)));
  reservations.outcome = { status: 'reservation-conflict' };
  expect(verdict(await clear())).toBe('conflict');
  reservations.outcome = { status: 'busy' };
  expect(verdict(await clear())).toBe('busy');
  reservations.outcome = { status: 'task-set-full' };
  expect(verdict(await clear())).toBe('task set full');
  reservations.outcome = {
    status: 'check-condition',
    sense: { senseKey: 5, asc: 0x55, ascq: 0x04 },
  };
  expect(verdict(await clear())).toBe('5/55/04');
});
