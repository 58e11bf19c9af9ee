/** Chooses the way to a path that says most and needs least. */
import type { NativeAddon } from '../native/addon.js';
import type { PathTransport } from '../pr/transport.js';
import type { Candidate } from './candidate.js';
import { LaneTransport } from './lane-transport.js';
import { tryLinuxPr } from './linux-pr-candidate.js';
import { tryNvme } from './nvme-candidate.js';
import { openNode } from './open-node.js';
import type { PathNode } from './path-node.js';
import { PrHelperTransport } from './pr-helper-transport.js';
import { trySd, trySg } from './scsi-candidates.js';
import { sgIoProtocol } from './sg-io-protocol.js';

/** Those by which this process touches the path's nodes itself. */
export const directTransports = ['sg', 'sd', 'linux-pr', 'nvme'] as const;

export type TransportKind = (typeof directTransports)[number] | 'pr-helper';

export interface OpenTransportOptions {
  /** On the clock of performance.now(), milliseconds. */
  readonly deadline: number;
  /** This one or none: all paths of a logical unit go one way (fencing rule 13). */
  readonly kind?: TransportKind;
  /** Where a helper listens; needed for 'pr-helper', which is never chosen unless asked for. */
  readonly helperSocket?: string;
}

export interface OpenedTransport {
  /** undefined: this process may go no way to this path, or the path does not answer. */
  readonly transport: PathTransport | undefined;
  readonly report: TransportReport;
}

/** What was tried, in the order of preference, up to what was chosen. */
export interface TransportReport {
  readonly chosen: TransportKind | undefined;
  readonly tried: readonly TriedTransport[];
}

export interface TriedTransport {
  readonly kind: TransportKind;
  /** Why it was chosen, or why it could not be: a sentence without a full stop. */
  readonly reason: string;
  /** What the administrator can do for it to be chosen. */
  readonly improvement?: string;
}

type Addon = Pick<NativeAddon, 'createLane' | 'connectForFds'>;

/** Never rejects. */
export async function openTransport(
  addon: Addon,
  node: PathNode,
  options: OpenTransportOptions,
): Promise<OpenedTransport> {
  if (options.kind === 'pr-helper') return openHelper(addon, node, options);
  const kinds = options.kind === undefined ? preferences[node.kind] : [options.kind];
  const tried: TriedTransport[] = [];
  for (const kind of kinds) {
    const candidate = await tryKind(addon, kind, node, options.deadline);
    const { reason } = candidate;
    if (candidate.file !== undefined) {
      const transport = new LaneTransport(
        transportName(node, kind),
        candidate.file,
        candidate.protocol,
      );
      return { transport, report: { chosen: kind, tried: [...tried, { kind, reason }] } };
    }
    tried.push({ kind, reason, ...improvementOf(candidate) });
  }
  return { transport: undefined, report: { chosen: undefined, tried } };
}

type DirectKind = Exclude<TransportKind, 'pr-helper'>;

const preferences: Readonly<Record<PathNode['kind'], readonly DirectKind[]>> = {
  scsi: ['sg', 'sd', 'linux-pr'],
  nvme: ['nvme', 'linux-pr'],
};

async function tryKind(
  addon: Addon,
  kind: DirectKind,
  node: PathNode,
  deadline: number,
): Promise<Candidate> {
  if (kind === 'linux-pr') return tryLinuxPr(addon, node, deadline);
  if (node.kind === 'nvme') {
    return kind === 'nvme' ? tryNvme(addon, node, deadline) : foreign(kind, node);
  }
  switch (kind) {
    case 'sg':
      return trySg(addon, node, deadline);
    case 'sd':
      return trySd(addon, node, deadline);
    case 'nvme':
      return foreign(kind, node);
  }
}

function foreign(kind: TransportKind, node: PathNode): Candidate {
  return {
    reason: `${node.name} is no ${node.kind === 'scsi' ? 'namespace' : 'SCSI disk'}, which ${kind} needs`,
  };
}

function improvementOf({ improvement }: { improvement?: string }) {
  return improvement === undefined ? {} : { improvement };
}

async function openHelper(
  addon: Addon,
  node: PathNode,
  { deadline, helperSocket }: OpenTransportOptions,
): Promise<OpenedTransport> {
  const kind = 'pr-helper';
  const without = (reason: string): OpenedTransport => ({
    transport: undefined,
    report: { chosen: undefined, tried: [{ kind, reason }] },
  });
  if (helperSocket === undefined) return without("no helper's socket was named");
  if (node.kind === 'nvme') return without(foreign(kind, node).reason);
  const { file, refusal } = await openNode(addon, node.blockNode, deadline);
  if (file === undefined) return without(refusal);
  const name = transportName(node, kind);
  const checks = new LaneTransport(name, file, sgIoProtocol(node));
  const connect = () => addon.connectForFds(helperSocket);
  const reason = `the helper at ${helperSocket} was asked for`;
  return {
    transport: new PrHelperTransport(name, connect, checks, file.fd),
    report: { chosen: kind, tried: [{ kind, reason }] },
  };
}

function transportName(node: PathNode, kind: TransportKind): string {
  const place = node.kind === 'scsi' ? node.address : node.controllers.join(', ');
  return `${node.name} (${place}) by ${kind}`;
}
