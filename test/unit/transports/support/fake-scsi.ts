/** SG_IO as the kernel does it, in front of a device that the test scripts or that is emulated. */
import type { Nexus } from '../../../../src/pr/nexus.js';
import type { LogicalUnit } from '../../../../src/scsi/logical-unit.js';
import type { FakeIoctl, Kernel } from './fake-lane.js';

export const sgIo = 0x2285;

export interface ScsiAnswer {
  status?: number;
  sense?: Buffer;
  dataIn?: Buffer;
  hostStatus?: number;
  driverStatus?: number;
}

export interface ScsiCall {
  cdb: Buffer;
  dataOut: Buffer;
  dataInLength: number;
}

/** A device that answers so; what is not SG_IO ends the test. */
export function scsiKernel(device: (call: ScsiCall) => ScsiAnswer | Promise<ScsiAnswer>): Kernel {
  return async (call) => {
    if (call.request !== sgIo) throw new Error(`ioctl 0x${call.request.toString(16)}`);
    const { cdb, dataOut, dataInLength } = readScsiCall(call);
    writeAnswer(call, await device({ cdb, dataOut, dataInLength }));
    return 0;
  };
}

function readScsiCall({ argument, buffer }: FakeIoctl): ScsiCall {
  const way = argument.readInt32LE(4);
  const length = argument.readUInt32LE(12);
  const data = buffer(16);
  if (argument.toString('latin1', 0, 1) !== 'S') throw new Error('no interface id');
  if (data.length !== length) throw new Error('the data is not as long as the header says');
  const cdb = Buffer.from(buffer(24));
  if (cdb.length !== argument.readUInt8(8)) throw new Error('the CDB is not as long');
  if (buffer(32).length !== argument.readUInt8(9)) throw new Error('the sense is not as long');
  return {
    cdb,
    dataOut: Buffer.from(way === -2 ? data : []),
    dataInLength: way === -3 ? length : 0,
  };
}

function writeAnswer({ argument, buffer }: FakeIoctl, answer: ScsiAnswer): void {
  const { status = 0, sense = Buffer.alloc(0), dataIn = Buffer.alloc(0) } = answer;
  const { hostStatus = 0, driverStatus = sense.length > 0 ? 8 : 0 } = answer;
  const length = argument.readUInt32LE(12);
  const taken = dataIn.subarray(0, length);
  taken.copy(buffer(16));
  sense.copy(buffer(32));
  argument.writeUInt8(status, 64);
  argument.writeUInt8(Math.min(sense.length, argument.readUInt8(9)), 67);
  argument.writeUInt16LE(hostStatus, 68);
  argument.writeUInt16LE(driverStatus, 70);
  argument.writeInt32LE(argument.readInt32LE(4) === -3 ? length - taken.length : 0, 72);
}

/** An emulated logical unit, as one nexus sees it. */
export function emulatedDevice(unit: LogicalUnit, nexus: Nexus) {
  return async ({ cdb, dataOut }: ScsiCall): Promise<ScsiAnswer> => {
    const answer = await unit.execute(nexus, { cdb, dataOut, luns: [0] });
    if (answer === 'natively') throw new Error('a command for the data plane');
    return answer;
  };
}
