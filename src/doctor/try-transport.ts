import { whyNone } from '../multipath/path-opener.js';
import { type NativeAddon } from '../native/addon.js';
import { openTransport, type TransportReport } from '../transports/open-transport.js';
import type { PathNode } from '../transports/path-node.js';
import type { TransportAdvice } from './path-check.js';

/** How long a node may take to show what it lets through, milliseconds. */
const timeout = 2000;

/** Opens a path as serving would, and closes it again. Never rejects. */
export async function tryTransport(addon: NativeAddon, node: PathNode): Promise<TransportAdvice> {
  const { transport, report } = await openTransport(addon, node, {
    deadline: performance.now() + timeout,
  });
  await transport?.close();
  return adviceOf(report);
}

/** What a report means to the administrator: the best that could be had is what comes first. */
export function adviceOf(report: TransportReport): TransportAdvice {
  const { chosen, tried } = report;
  const reason = tried.find(({ kind }) => kind === chosen)?.reason ?? whyNone(report);
  const advice = tried.find(({ improvement }) => improvement !== undefined)?.improvement;
  return { transport: chosen, reason, advice };
}
