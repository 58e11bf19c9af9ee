/** What any answer must be, whatever the command was. */
import { scsiStatus } from '../../../../src/scsi/command-outcome.js';
import { commandTable } from '../../../../src/scsi/command-table.js';
import type { ScsiAnswer } from '../../../../src/scsi/logical-unit.js';

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

/** ILLEGAL REQUEST, UNIT ATTENTION; ABORTED COMMAND where nobody knows what became of a command. */
const knownSenseKeys = [0x5, 0x6, 0xb];
const statuses: readonly number[] = Object.values(scsiStatus);

/** What is wrong with an answer for a virtio-scsi response to carry and a host to understand. */
export function flawOf(answer: ScsiAnswer, cdb: Buffer): string | undefined {
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
  return knownSenseKeys.includes(senseKey) ? undefined : `sense key ${senseKey}`;
}

function flawOfData(dataIn: Buffer, status: number, cdb: Buffer): string | undefined {
  if (dataIn.length === 0) return undefined;
  if (status !== scsiStatus.good) return 'data with a bad status';
  const opcode = cdb.readUInt8(0);
  const [at, length] = allocationLengths.get(opcode) ?? [0, 0];
  const most = opcode === readCapacity10 ? 8 : length > 0 ? cdb.readUIntBE(at, length) : 0;
  return dataIn.length > most ? 'more data than allowed' : undefined;
}
