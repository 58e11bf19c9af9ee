/** NVMe passthrough as the kernel does it, in front of a namespace that the test has. */
import { decodeCommand } from '../../../../src/nvme/reservation-command.js';
import type { Namespace } from '../../nvme/support/namespace.js';
import { errno, type FakeIoctl, type Kernel } from './fake-lane.js';

export const adminCommand = 0xc0484e41;
export const ioCommand = 0xc0484e43;
const doNotRetry = 0x4000;
const invalidField = 0x02;
const report = 0x0e;

export interface FakeController {
  namespace: Namespace;
  namespaceId: number;
  hostId: string;
  /** What Identify Namespace returns, 4096 bytes. */
  identity: Buffer;
  /** Opcodes that this process may not send. */
  denied?: number[];
}

export function nvmeKernel(controller: FakeController): Kernel {
  return (call) => {
    const { request, argument } = call;
    if (argument.length !== 72) throw new Error('no struct nvme_passthru_cmd');
    if (argument.readUInt32LE(4) !== controller.namespaceId) throw errno('EINVAL');
    if (request === adminCommand) return identify(call, controller.identity);
    if (request !== ioCommand) throw new Error(`ioctl 0x${request.toString(16)}`);
    return reservation(call, controller);
  };
}

function identify({ argument, buffer }: FakeIoctl, identity: Buffer): number {
  if (argument.readUInt8(0) !== 0x06 || argument.readUInt32LE(40) !== 0) throw errno('EACCES');
  identity.copy(buffer(24), 0, 0, argument.readUInt32LE(36));
  return 0;
}

function reservation({ argument, buffer }: FakeIoctl, controller: FakeController): number {
  const opcode = argument.readUInt8(0);
  if (controller.denied?.includes(opcode) === true) throw errno('EACCES');
  const data = buffer(24);
  // Data to the controller is taken before the command is sent, data from it put down afterwards.
  const isMapped = data.length === argument.readUInt32LE(36);
  if (!isMapped && opcode === report) return invalidField | doNotRetry;
  if (!isMapped) throw errno('EFAULT');
  const decoded = decodeCommand({
    opcode,
    cdw10: argument.readUInt32LE(40),
    cdw11: argument.readUInt32LE(44),
    dataOut: data,
  });
  if (decoded.refusal !== undefined) return decoded.refusal | doNotRetry;
  const completion = controller.namespace.run(controller.hostId, decoded.value);
  completion.data.copy(data);
  return completion.status === 0 ? 0 : completion.status | doNotRetry;
}
