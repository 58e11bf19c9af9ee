/**
 * SG_IO (<scsi/sg.h>, version 3 of its header): one SCSI command of the closed set, and how it came
 * back. This file alone makes that ioctl.
 */
import { encodeRequest, type InitiatorRequest } from '../scsi/initiator-command.js';
import { decodeSense, senseLengthMax } from '../scsi/received-sense.js';
import { scsiStatus } from '../scsi/command-outcome.js';
import { hostStatusMeansUnsent } from './host-status.js';
import type { Ioctl, Program, Returned } from './program.js';

export type ScsiReply =
  | {
      readonly kind: 'status';
      readonly status: number;
      /** As the device gave it; empty if it gave none. */
      readonly sense: Buffer;
      readonly dataIn: Buffer;
    }
  /** `errno`: its name, where the kernel refused the call. */
  | { readonly kind: 'not-sent'; readonly reason: string; readonly errno?: string }
  /** It says nothing about whether the device executed the command. */
  | { readonly kind: 'unknown'; readonly reason: string };

const sgIo = 0x2285;
const headerLength = 88;
const interfaceId = 'S'.charCodeAt(0);
const direction = { none: -1, toDevice: -2, fromDevice: -3 } as const;
/** The sg driver runs waiting commands last in, first out without it (fencing rule 10). */
const queueAtTail = 0x10;
/**
 * When the kernel begins its error handling, which stops a whole SCSI host: as late as for a disk's
 * reads and writes, so that reservation commands never are the first to cause it.
 */
const timeoutMs = 30_000;
/**
 * Stands where the host status is to be written. If the device is removed while a command is on its
 * way, SG_IO succeeds and has written nothing.
 */
const notWritten = 0xffff;

/** Host bytes that come with a SCSI status which is the device's answer (<scsi/scsi_status.h>). */
const hostStatusOfAnswers = [0x00, 0x10, 0x11, 0x13];
const driverSense = 0x08;
/** What SG_IO says without having submitted anything. EINTR and EFAULT are not among them. */
const errnoOfUnsent: ReadonlySet<string> = new Set([
  'EACCES',
  'EAGAIN',
  'EBADF',
  'EBUSY',
  'EDOM',
  'EINVAL',
  'EMSGSIZE',
  'ENODEV',
  'ENOMEM',
  'ENOTTY',
  'ENXIO',
  'EPERM',
]);

/** @param driver `proc_name` of the path's SCSI host */
export function* sgIoProgram(
  request: InitiatorRequest,
  driver: string,
  afterMs = 0,
): Program<ScsiReply> {
  const { cdb, dataOut, dataInLength } = encodeRequest(request);
  const data = dataOut.length > 0 ? Buffer.from(dataOut) : Buffer.alloc(dataInLength);
  const sense = Buffer.alloc(senseLengthMax);
  const header = sgIoHeader(cdb.length, dataOut.length, dataInLength);
  const ioctl: Ioctl = {
    request: sgIo,
    argument: header,
    pointers: [
      ...(data.length > 0 ? [{ offset: 16, buffer: data }] : []),
      { offset: 24, buffer: cdb },
      { offset: 32, buffer: sense },
    ],
  };
  const returned = yield { ...ioctl, afterMs };
  return reply(returned, header, sense, dataInLength > 0 ? data : Buffer.alloc(0), driver);
}

function sgIoHeader(cdbLength: number, dataOutLength: number, dataInLength: number): Buffer {
  const header = Buffer.alloc(headerLength);
  const way =
    dataOutLength > 0
      ? direction.toDevice
      : dataInLength > 0
        ? direction.fromDevice
        : direction.none;
  header.writeInt32LE(interfaceId, 0);
  header.writeInt32LE(way, 4);
  header.writeUInt8(cdbLength, 8);
  header.writeUInt8(senseLengthMax, 9);
  header.writeUInt32LE(dataOutLength + dataInLength, 12);
  header.writeUInt32LE(timeoutMs, 40);
  header.writeUInt32LE(queueAtTail, 44);
  header.writeUInt16LE(notWritten, 68);
  return header;
}

function reply(
  returned: Returned,
  header: Buffer,
  senseBuffer: Buffer,
  dataBuffer: Buffer,
  driver: string,
): ScsiReply {
  if (returned.kind === 'failed') {
    const { errno } = returned;
    const reason = `SG_IO: ${errno}`;
    return errnoOfUnsent.has(errno)
      ? { kind: 'not-sent', reason, errno }
      : { kind: 'unknown', reason };
  }
  const status = header.readUInt8(64);
  const hostStatus = header.readUInt16LE(68);
  const driverStatus = header.readUInt16LE(70) & 0x0f;
  if (hostStatus === notWritten) return { kind: 'unknown', reason: 'the device was removed' };
  if (!hostStatusOfAnswers.includes(hostStatus)) {
    const kind = hostStatusMeansUnsent(driver, hostStatus) ? 'not-sent' : 'unknown';
    return { kind, reason: `host status 0x${hostStatus.toString(16)}` };
  }
  if (driverStatus !== 0 && driverStatus !== driverSense) {
    return { kind: 'unknown', reason: `driver status 0x${driverStatus.toString(16)}` };
  }
  const sense = senseBuffer.subarray(0, header.readUInt8(67));
  const missing = Math.max(0, header.readInt32LE(72));
  const dataIn = dataBuffer.subarray(0, Math.max(0, dataBuffer.length - missing));
  return { kind: 'status', status: statusOf(status, sense), sense, dataIn };
}

const recoveredError = 0x1;

/** RECOVERED ERROR is a success that has something to tell (SPC-4 §4.5.6). */
function statusOf(status: number, sense: Buffer): number {
  const recovered =
    status === scsiStatus.checkCondition && decodeSense(sense)?.senseKey === recoveredError;
  return recovered ? scsiStatus.good : status;
}
