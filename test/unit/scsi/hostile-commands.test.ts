import fc from 'fast-check';
import { expect, it } from 'vitest';
import { commandTable } from '../../../src/scsi/command-table.js';
import { alice, bob, sharedDisk } from './support/disk.js';
import { flawOf } from './support/flaw.js';

const opcodes = [...new Set(commandTable.map(({ opcode }) => opcode))];
const interesting = fc.constantFrom(0x00, 0x01, 0x08, 0x18, 0x3f, 0x7f, 0x80, 0xff);
const byte = fc.oneof(interesting, fc.nat(0xff));
/** Half of them of commands that exist, most fields extreme. */
const cdbs = fc
  .tuple(
    fc.oneof(fc.constantFrom(...opcodes), fc.nat(0xff)),
    fc.array(byte, { minLength: 31, maxLength: 31 }),
  )
  .map(([opcode, rest]) => Buffer.from([opcode, ...rest]));
const parameterLists = fc.oneof(
  fc.uint8Array({ maxLength: 128 }),
  fc.array(byte, { minLength: 24, maxLength: 24 }),
  fc.constant(new Uint8Array(8192).fill(0xff)),
);

it('answers any CDB with any parameter list', async () => {
  const unit = await sharedDisk();
  await fc.assert(
    fc.asyncProperty(
      cdbs,
      parameterLists,
      fc.constantFrom(alice, bob),
      async (cdb, list, nexus) => {
        const request = { cdb, dataOut: Buffer.from(list), luns: [0] };
        expect(flawOf(await unit.execute(nexus, request), cdb)).toBeUndefined();
      },
    ),
    { numRuns: 3000 },
  );
});

const everyValue = Array.from({ length: 256 }, (_, value) => value);
const everyBit = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff];

it('every value of the bytes that hold codes, every bit of the others, of every command', async () => {
  const unit = await sharedDisk();
  for (const { usage } of commandTable) {
    for (let at = 1; at < usage.length; at++) {
      for (const value of at <= 2 ? everyValue : everyBit) {
        const cdb = Buffer.alloc(32);
        cdb.set([usage.readUInt8(0), usage.readUInt8(1) & 0x1f]);
        cdb[at] = value;
        const dataOut = Buffer.alloc(24, value);
        const flaw = flawOf(await unit.execute(alice, { cdb, dataOut, luns: [0] }), cdb);
        if (flaw !== undefined) expect.fail(`${cdb.toString('hex')}: ${flaw}`);
      }
    }
  }
});
