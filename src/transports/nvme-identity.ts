/** Readiness and identity of a namespace, by Identify Namespace. */
import type { PathIdentity, PathOutcome } from '../pr/transport.js';
import { good } from '../pr/outcome.js';
import { identifyNamespace } from './nvme-passthrough.js';
import { answered, notSent, unknown } from './path-outcome.js';
import type { NvmePathNode } from './path-node.js';
import type { Program } from './program.js';

/** The namespace's name in sysfs as it is now, for the device an open descriptor leads to. */
export type WwidOf = () => string | undefined;

/** What stands for TEST UNIT READY where no Report can be had: a command that changes nothing. */
export function* nvmeReadiness({ namespaceId }: NvmePathNode): Program<PathOutcome> {
  const reply = yield* identifyNamespace(namespaceId);
  switch (reply.kind) {
    case 'not-sent':
      return notSent(reply.reason);
    case 'unknown':
      return unknown(reply.reason);
    case 'completed':
      return reply.status === 0
        ? answered(good)
        : unknown(`Identify Namespace: status 0x${reply.status.toString(16)}`);
  }
}

/**
 * NGUID and EUI-64 are compared as the controller gives them now. A UUID it would tell only those with
 * CAP_SYS_ADMIN: that is taken from sysfs, where Linux drops a namespace whose identifiers change.
 */
export function* nvmeIdentification(
  { namespaceId, wwid }: NvmePathNode,
  wwidOf: WwidOf,
): Program<PathIdentity> {
  const reply = yield* identifyNamespace(namespaceId);
  if (reply.kind === 'completed' && reply.status === 0 && wwid.startsWith('eui.')) {
    return identifiers(reply.data).includes(wwid.toLowerCase()) ? 'same' : 'other';
  }
  const shown = wwidOf();
  if (shown === undefined) return 'unknown';
  return shown.toLowerCase() === wwid.toLowerCase() ? 'same' : 'other';
}

function identifiers(namespace: Buffer): string[] {
  const nguid = namespace.toString('hex', 104, 120);
  const eui64 = namespace.toString('hex', 120, 128);
  return [`eui.${nguid}`, `eui.${eui64}`];
}

/** RESCAP */
export function reservationCapabilities(namespace: Buffer): number {
  return namespace.readUInt8(31);
}
