/** The ioctls of <linux/pr.h>. */
import { release } from 'node:os';
import { type Candidate, type Lanes, refused } from './candidate.js';
import { linuxPrProtocol } from './linux-pr-protocol.js';
import { kernelWwid } from './kernel-wwid.js';
import { openNode } from './open-node.js';
import type { PathNode } from './path-node.js';
import { prPermissionProbe, prReadKeys } from './pr-ioctl.js';
import type { Program } from './program.js';

export async function tryLinuxPr(
  lanes: Lanes,
  node: PathNode,
  deadline: number,
): Promise<Candidate> {
  const { file, refusal, errno } = await openNode(lanes, node.blockNode, deadline);
  if (file === undefined) return refused(refusal, errno, node.blockNode);
  const permission = await file.run(permissionOfPrIoctls(), deadline);
  const denial = permission.kind === 'done' ? permission.result : 'no answer by the deadline';
  if (denial !== undefined) {
    await file.close();
    return {
      reason: `<linux/pr.h> on ${node.blockNode}: ${denial}`,
      improvement: `run a kernel newer than 6.1, which lets those do so who may write ${node.blockNode}, or give this process CAP_SYS_ADMIN`,
    };
  }
  const reading = await file.run(readsReservations(), deadline);
  const reads = (reading.kind === 'done' ? reading.result : undefined) ?? hasPrReads(release());
  const reason = reads
    ? '<linux/pr.h>, without READ FULL STATUS and without the choice of APTPL'
    : '<linux/pr.h>, which on this kernel can change reservations and not read them';
  return { file, protocol: linuxPrProtocol(node, reads, () => kernelWwid(file.fd)), reason };
}

/** The errno of a refusal; undefined: permitted. */
function* permissionOfPrIoctls(): Program<string | undefined> {
  const returned = yield prPermissionProbe();
  const isPermitted = returned.kind === 'failed' && returned.errno === 'EOPNOTSUPP';
  if (isPermitted) return undefined;
  return returned.kind === 'failed' ? returned.errno : `returned ${returned.value}`;
}

/** undefined: the path did not say. */
function* readsReservations(): Program<boolean | undefined> {
  const returned = yield prReadKeys(1);
  if (returned.kind === 'returned') return true;
  return ['EINVAL', 'ENOTTY'].includes(returned.errno) ? false : undefined;
}

/** IOC_PR_READ_KEYS and IOC_PR_READ_RESERVATION came with Linux 6.19. */
function hasPrReads(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split('.').map(Number.parseFloat);
  return major > 6 || (major === 6 && minor >= 19);
}
