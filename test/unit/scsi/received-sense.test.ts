import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeSense } from '../../../src/scsi/received-sense.js';
import { encodeSense } from '../../../src/scsi/sense.js';
import { bytes, groups } from './support/bytes.js';
import { diskWith, ScriptedReservations, send, verdict } from './support/disk.js';

const byte = fc.nat(0xff);

it('reads what is written in either format', () => {
  fc.assert(
    fc.property(
      fc.record({ senseKey: fc.nat(0xf), asc: byte, ascq: byte }),
      fc.constantFrom('fixed' as const, 'descriptor' as const),
      (sense, format) => {
        const raw = encodeSense(sense, format);
        expect(decodeSense(raw)).toEqual({ ...sense, raw: new Uint8Array(raw) });
      },
    ),
  );
});

it.each([
  ['deferred errors', '71 00 03 00000000 0a 00000000 1100', [3, 0x11, 0x00]],
  ['deferred errors in descriptor format', '73 03 1100 000000 00', [3, 0x11, 0x00]],
  ['flags beside the sense key', 'f0 00 e6 00000000 0a 00000000 2a05', [6, 0x2a, 0x05]],
  ['what is cut off as zero', '70 00 02 00000000', [2, 0, 0]],
])('reads %s', (_, hex, [senseKey, asc, ascq]) => {
  expect(decodeSense(bytes(hex))).toMatchObject({ senseKey, asc, ascq });
});

it.each([
  ['nothing', ''],
  ["a vendor's own format", '7f 00 05'],
  ['zeros', '00000000 00000000'],
])('%s is none', (_, hex) => {
  expect(decodeSense(bytes(hex))).toBeUndefined();
});

it("a device's sense data reaches the guest byte for byte, whatever format it asked for", async () => {
  const odd = bytes('f0 00 05 00001234 12 00000000 2600 00 c0000d deadbeef 01020304');
  const sense = decodeSense(odd);
  if (sense === undefined) throw new Error('not read');
  const reservations = new ScriptedReservations();
  reservations.outcome = { status: 'check-condition', sense };
  const unit = diskWith({ reservations });
  const answer = await send(unit, '5e 00 0000000000 0008 00');
  expect([verdict(answer), groups(answer.sense)]).toEqual(['5/26/00', groups(odd)]);

  const setDescriptorSense = '00000000 0a 0a 04 10 00 00 0000 ffff 0000'; // D_SENSE
  expect(verdict(await send(unit, '15 10 00 00 10 00', setDescriptorSense))).toBe('good');
  expect(groups((await send(unit, '5e 00 0000000000 0008 00')).sense)).toBe(groups(odd));
});

it('keeps no more than a guest has room for', () => {
  const long = Buffer.concat([bytes('70 00 06')], 200);
  expect(decodeSense(long)?.raw?.length).toBe(96);
});
