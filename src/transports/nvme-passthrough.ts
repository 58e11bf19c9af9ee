/**
 * NVMe passthrough (<linux/nvme_ioctl.h>): the four Reservation commands and Identify Namespace. This
 * file alone makes these ioctls; who may open a namespace for writing may send much else by them.
 */
import {
  encodeCommand,
  type NvmeReservationCommand,
  reservationOpcodes,
} from '../nvme/reservation-command.js';
import { statusMask } from '../nvme/status.js';
import type { Ioctl, Program, Returned } from './program.js';

export type NvmeReply =
  | { readonly kind: 'completed'; readonly status: number; readonly data: Buffer }
  | { readonly kind: 'not-sent'; readonly reason: string; readonly errno: string }
  /** It says nothing about whether the controller executed the command. */
  | { readonly kind: 'unknown'; readonly reason: string };

const adminCommand = 0xc048_4e41;
const ioCommand = 0xc048_4e43;
const commandLength = 72;
const timeoutMs = 30_000;
const identify = 0x06;
const identifyLength = 4096;

/** What Linux says without having submitted anything; EINTR is not among them. */
const errnoOfUnsent: ReadonlySet<string> = new Set([
  'EACCES',
  'EAGAIN',
  'EBADF',
  'EFAULT',
  'EINVAL',
  'ENODEV',
  'ENOMEM',
  'ENOTTY',
  'ENXIO',
  'EPERM',
]);

/** @param namespaceId NSID of the node the ioctl is made on */
export function* reservationPassthrough(
  command: NvmeReservationCommand,
  namespaceId: number,
  afterEffect = false,
): Program<NvmeReply> {
  const { opcode, cdw10, cdw11, dataOut, dataInLength } = encodeCommand(command);
  const data = dataInLength > 0 ? Buffer.alloc(dataInLength) : Buffer.from(dataOut);
  const argument = passthroughCommand(opcode, namespaceId, data.length);
  argument.writeUInt32LE(cdw10, 40);
  argument.writeUInt32LE(cdw11, 44);
  const returned = yield { ...withData(ioCommand, argument, data), afterEffect };
  return reply(returned, data.subarray(0, dataInLength));
}

/** Identify Namespace (CNS 00h). */
export function* identifyNamespace(namespaceId: number): Program<NvmeReply> {
  const data = Buffer.alloc(identifyLength);
  const returned = yield withData(
    adminCommand,
    passthroughCommand(identify, namespaceId, data.length),
    data,
  );
  return reply(returned, data);
}

/**
 * Whether Linux lets this process send a command: its data lies where nothing is mapped, so the
 * permission is judged, and then a command that has something to say ends without having been
 * submitted (EFAULT). A Report may be: it has nothing to say and changes nothing.
 */
export function* permissionProbe(
  command: keyof typeof reservationOpcodes,
  namespaceId: number,
): Program<boolean> {
  const argument = passthroughCommand(reservationOpcodes[command], namespaceId, 16);
  argument.writeBigUInt64LE(unmappedAddress, dataAddressAt);
  const returned = yield { request: ioCommand, argument, pointers: [] };
  return returned.kind === 'returned' || returned.errno === 'EFAULT';
}

const dataAddressAt = 24;
const unmappedAddress = 1n;

function passthroughCommand(opcode: number, namespaceId: number, dataLength: number): Buffer {
  const argument = Buffer.alloc(commandLength);
  argument.writeUInt8(opcode, 0);
  argument.writeUInt32LE(namespaceId, 4);
  argument.writeUInt32LE(dataLength, 36);
  argument.writeUInt32LE(timeoutMs, 64);
  return argument;
}

function withData(request: number, argument: Buffer, data: Buffer): Ioctl {
  return { request, argument, pointers: [{ offset: dataAddressAt, buffer: data }] };
}

function reply(returned: Returned, data: Buffer): NvmeReply {
  if (returned.kind === 'failed') {
    const { errno } = returned;
    const reason = `NVMe passthrough: ${errno}`;
    return errnoOfUnsent.has(errno)
      ? { kind: 'not-sent', reason, errno }
      : { kind: 'unknown', reason };
  }
  return { kind: 'completed', status: returned.value & statusMask, data };
}
