import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PrInCommand, PrOutCommand } from '../../../src/pr/command.js';
import { Cdb } from '../../../src/scsi/cdb.js';
import { encodeRequest, type InitiatorRequest } from '../../../src/scsi/initiator-command.js';
import { decodePrOut, prOutActions } from '../../../src/scsi/persistent-reserve-out.js';
import { prOutCommands, uint16 } from './support/arbitraries.js';
import { bytes, groups } from './support/bytes.js';

const prInNames: PrInCommand['action'][] = [
  'read-keys',
  'read-reservation',
  'report-capabilities',
  'read-full-status',
];

const requests: fc.Arbitrary<InitiatorRequest> = fc.oneof(
  fc.constant({ kind: 'test-unit-ready' as const }),
  fc.constant({ kind: 'device-identification' as const }),
  fc.record({
    kind: fc.constant('persistent-reserve-in' as const),
    action: fc.constantFrom(...prInNames),
    allocationLength: uint16,
  }),
  fc.record({ kind: fc.constant('persistent-reserve-out' as const), command: prOutCommands }),
);

it('builds TEST UNIT READY, INQUIRY of page 83h, PERSISTENT RESERVE IN and OUT, and nothing else', () => {
  const built = new Set<number>();
  fc.assert(
    fc.property(requests, (request) => {
      const { cdb } = encodeRequest(request);
      const [opcode = -1, second, third] = cdb;
      built.add(opcode);
      const expected = { 0x00: 6, 0x12: 6, 0x5e: 10, 0x5f: 10 }[opcode];
      expect(cdb.length).toBe(expected);
      if (opcode === 0x00) expect(groups(cdb)).toBe('00000000 0000');
      if (opcode === 0x12) expect([second, third]).toEqual([0x01, 0x83]);
    }),
    { numRuns: 500 },
  );
  expect([...built].sort((a, b) => a - b)).toEqual([0x00, 0x12, 0x5e, 0x5f]);
});

it('says in bytes what the guest-facing decoder reads out of them', () => {
  fc.assert(
    fc.property(prOutCommands, (command) => {
      const { cdb, dataOut, dataInLength } = encodeRequest({
        kind: 'persistent-reserve-out',
        command,
      });
      const decoded = decodePrOut(actionOf(cdb), new Cdb(cdb), dataOut);
      expect(decoded).toEqual({ value: command });
      expect([cdb.readUInt32BE(5), dataInLength]).toEqual([dataOut.length, 0]);
    }),
    { numRuns: 500 },
  );
});

function actionOf(cdb: Buffer): PrOutCommand['action'] {
  const codes = Object.entries(prOutActions) as [PrOutCommand['action'], number][];
  const found = codes.find(([, code]) => code === cdb.readUInt8(1));
  if (found === undefined) throw new Error('no such service action');
  return found[0];
}

describe('golden bytes', () => {
  const out: [PrOutCommand, string, string][] = [
    [
      {
        action: 'register',
        prkey: 0xa1n,
        serviceActionKey: 0xa2n,
        aptpl: true,
        allTgPt: false,
        specIPt: undefined,
      },
      '5f 00 00 0000 00000018 00',
      '00000000000000a1 00000000000000a2 00000000 01 000000',
    ],
    [
      { action: 'reserve', prkey: 0xa1n, scope: 'logical-unit', type: 'exclusive-access' },
      '5f 01 03 0000 00000018 00',
      '00000000000000a1 0000000000000000 00000000 00 000000',
    ],
    [
      {
        action: 'preempt-and-abort',
        prkey: 0xa1n,
        serviceActionKey: 0xf1n,
        scope: 'logical-unit',
        type: 'write-exclusive-registrants-only',
      },
      '5f 05 05 0000 00000018 00',
      '00000000000000a1 00000000000000f1 00000000 00 000000',
    ],
    [
      {
        action: 'register-and-move',
        prkey: 1n,
        serviceActionKey: 2n,
        unregister: true,
        aptpl: false,
        relativeTargetPort: 3,
        destination: { protocol: 'sas', address: 0x5000c50012345678n },
      },
      '5f 07 00 0000 00000030 00',
      `0000000000000001 0000000000000002 00 02 0003 00000018
       06 000000 5000c50012345678 000000000000000000000000`,
    ],
  ];
  it.each(out)('PERSISTENT RESERVE OUT %#', (command, cdb, list) => {
    const encoded = encodeRequest({ kind: 'persistent-reserve-out', command });
    expect(groups(encoded.cdb)).toBe(groups(bytes(cdb)));
    expect(groups(encoded.dataOut)).toBe(groups(bytes(list)));
  });

  it.each(prInNames)('PERSISTENT RESERVE IN, %s', (action) => {
    const { cdb, dataOut, dataInLength } = encodeRequest({
      kind: 'persistent-reserve-in',
      action,
      allocationLength: 0xfffc,
    });
    const code = `0${prInNames.indexOf(action)}`;
    expect(groups(cdb)).toBe(groups(bytes(`5e ${code} 0000000000 fffc 00`)));
    expect([dataOut.length, dataInLength]).toEqual([0, 0xfffc]);
  });

  it('INQUIRY of page 83h', () => {
    const { cdb, dataInLength } = encodeRequest({ kind: 'device-identification' });
    expect(groups(cdb)).toBe(groups(bytes('12 01 83 0ffc 00')));
    expect(dataInLength).toBe(0x0ffc);
  });
});
