/** NVMe passthrough. */
import { reservationOpcodes } from '../nvme/reservation-command.js';
import { type Candidate, type Lanes, refused } from './candidate.js';
import { kernelWwid } from './kernel-wwid.js';
import { reservationCapabilities } from './nvme-identity.js';
import { identifyNamespace, permissionProbe } from './nvme-passthrough.js';
import { nvmeProtocol } from './nvme-protocol.js';
import { openNode } from './open-node.js';
import type { NvmePathNode } from './path-node.js';
import type { Program } from './program.js';

type Opcode = keyof typeof reservationOpcodes;

const opcodes = Object.keys(reservationOpcodes) as Opcode[];

export async function tryNvme(
  lanes: Lanes,
  node: NvmePathNode,
  deadline: number,
): Promise<Candidate> {
  const { file, refusal, errno } = await openNode(lanes, node.blockNode, deadline);
  if (file === undefined) return refused(refusal, errno, node.blockNode);
  const probed = await file.run(deniedCommands(node), deadline);
  const denied = probed.kind === 'done' ? probed.result : opcodes;
  if (denied.length > 0) {
    await file.close();
    return {
      reason: `Linux passes this process no Reservation ${denied.join(', ')} on ${node.blockNode}`,
      improvement:
        'run Linux 6.2 or newer with a controller whose effects log lists these commands, or give this process CAP_SYS_ADMIN',
    };
  }
  const identified = await file.run(capabilitiesOfNamespace(node), deadline);
  const capabilities = identified.kind === 'done' ? identified.result : undefined;
  const reason = 'all Reservation commands pass on a writable namespace node';
  return { file, protocol: nvmeProtocol(node, capabilities, () => kernelWwid(file.fd)), reason };
}

function* deniedCommands({ namespaceId }: NvmePathNode): Program<Opcode[]> {
  const denied: Opcode[] = [];
  for (const opcode of opcodes) {
    if (!(yield* permissionProbe(opcode, namespaceId))) denied.push(opcode);
  }
  return denied;
}

function* capabilitiesOfNamespace({ namespaceId }: NvmePathNode): Program<number | undefined> {
  const reply = yield* identifyNamespace(namespaceId);
  const isKnown = reply.kind === 'completed' && reply.status === 0;
  return isKnown ? reservationCapabilities(reply.data) : undefined;
}
