/** SG_IO, on the sg node of a path and on its disk. */
import { readFileSync } from 'node:fs';
import { type Candidate, type Lanes, refused } from './candidate.js';
import { openNode } from './open-node.js';
import type { ScsiPathNode } from './path-node.js';
import type { Program } from './program.js';
import { sgIoProtocol } from './sg-io-protocol.js';
import { sgIoProgram } from './sg-io.js';

export async function trySg(
  lanes: Lanes,
  node: ScsiPathNode,
  deadline: number,
): Promise<Candidate> {
  if (node.sgNode === undefined) {
    return {
      reason: `the sg driver has no node for ${node.name}`,
      improvement: 'load the kernel module sg',
    };
  }
  const { file, refusal, errno } = await openNode(lanes, node.sgNode, deadline);
  if (file === undefined) return refused(refusal, errno, node.sgNode);
  const reason = 'a writable sg node passes every SCSI command, without any capability';
  return { file, protocol: sgIoProtocol(node), reason };
}

export async function trySd(
  lanes: Lanes,
  node: ScsiPathNode,
  deadline: number,
): Promise<Candidate> {
  const { file, refusal, errno } = await openNode(lanes, node.blockNode, deadline);
  if (file === undefined) return refused(refusal, errno, node.blockNode);
  const run = await file.run(passesReservations(node), deadline);
  const passes = run.kind === 'done' ? run.result : undefined;
  if (passes ?? hasRawIo()) {
    const reason = 'SG_IO on a disk passes reservation commands with CAP_SYS_RAWIO';
    return { file, protocol: sgIoProtocol(node), reason };
  }
  await file.close();
  return {
    reason: `SG_IO on ${node.blockNode} passes reservation commands with CAP_SYS_RAWIO only`,
    improvement: `give this process CAP_SYS_RAWIO, or better its group access to ${node.sgNode ?? 'the sg node'}`,
  };
}

/** undefined: the path did not say. */
function* passesReservations({ driver }: ScsiPathNode): Program<boolean | undefined> {
  const request = {
    kind: 'persistent-reserve-in',
    action: 'read-keys',
    allocationLength: 8,
  } as const;
  const reply = yield* sgIoProgram(request, driver);
  if (reply.kind === 'status') return true;
  return reply.kind === 'not-sent' && reply.errno === 'EPERM' ? false : undefined;
}

const capSysRawIo = 17n;

/** Whether this process has CAP_SYS_RAWIO, which counts in the initial user namespace only. */
function hasRawIo(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return ((BigInt(`0x${effective ?? '0'}`) >> capSysRawIo) & 1n) === 1n;
}
