import fc from 'fast-check';
import { expect, it } from 'vitest';
import { commandTable } from '../../../src/scsi/command-table.js';
import { scsiStatus } from '../../../src/scsi/command-outcome.js';
import type { ScsiAnswer } from '../../../src/scsi/logical-unit.js';
import { alice, bob, sharedDisk } from './support/disk.js';

/** Where the CDB's allocation length is: offset and bytes, by operation code. */
const allocationLengths = new Map<number, [at: number, length: number]>([
  [0x03, [4, 1]],
  [0x12, [3, 2]],
  [0x1a, [4, 1]],
  [0x5a, [7, 2]],
  [0x5e, [7, 2]],
  [0x9e, [10, 4]],
  [0xa0, [6, 4]],
  [0xa3, [6, 4]],
]);
/** READ CAPACITY(10) has none. */
const readCapacity10 = 0x25;
const native = new Set(
  commandTable.filter(({ run }) => run === 'natively').map(({ opcode }) => opcode),
);

const statuses: readonly number[] = Object.values(scsiStatus);

/** What is wrong with an answer for a virtio-scsi response to carry and a host to understand. */
function flawOf(answer: ScsiAnswer, cdb: Buffer): string | undefined {
  const opcode = cdb.readUInt8(0);
  if (answer === 'natively') return native.has(opcode) ? undefined : 'not native';
  const { status, sense, dataIn } = answer;
  if (!statuses.includes(status)) return `status ${status}`;
  if (sense.length > 0 !== (status === scsiStatus.checkCondition)) return 'sense or no sense';
  return (sense.length > 0 ? flawOfSense(sense) : undefined) ?? flawOfData(dataIn, status, cdb);
}

function flawOfSense(sense: Buffer): string | undefined {
  const code = sense.readUInt8(0);
  if (![0x70, 0xf0, 0x72].includes(code)) return `response code ${code}`;
  if (sense.length !== 8 + sense.readUInt8(7) || sense.length > 96) return 'sense length';
  const senseKey = sense.readUInt8(code === 0x72 ? 1 : 2);
  return senseKey === 0x5 || senseKey === 0x6 ? undefined : `sense key ${senseKey}`;
}

function flawOfData(dataIn: Buffer, status: number, cdb: Buffer): string | undefined {
  if (dataIn.length === 0) return undefined;
  if (status !== scsiStatus.good) return 'data with a bad status';
  const opcode = cdb.readUInt8(0);
  const [at, length] = allocationLengths.get(opcode) ?? [0, 0];
  const most = opcode === readCapacity10 ? 8 : length > 0 ? cdb.readUIntBE(at, length) : 0;
  return dataIn.length > most ? 'more data than allowed' : undefined;
}

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
