import type { NativeAddon } from '../native/addon.js';
import type { PathTransport } from '../pr/transport.js';
import {
  openTransport,
  type OpenTransportOptions,
  type TransportKind,
  type TransportReport,
} from '../transports/open-transport.js';
import type { PathNode } from '../transports/path-node.js';
import type { OpenPath } from './kept-path.js';

/** How long a node may take to open and to show what it lets through, milliseconds. */
const openTimeout = 2000;

type Addon = Pick<NativeAddon, 'createLane' | 'connectForFds'>;

/**
 * Opens the paths of one logical unit, all by one kind of transport (fencing rule 13): what the first
 * of them found best, or the one that is given.
 * @param open replaces `openTransport` in tests
 */
export function pathOpener(
  addon: Addon,
  options: Pick<OpenTransportOptions, 'kind' | 'helperSocket'>,
  open: typeof openTransport = openTransport,
): OpenPath {
  let agreed = options.kind;
  const openBy = (node: PathNode, kind: TransportKind | undefined) => {
    const wish = kind === undefined ? {} : { kind };
    const deadline = performance.now() + openTimeout;
    return open(addon, node, { ...options, ...wish, deadline });
  };
  return async (node) => {
    const first = await openBy(node, agreed);
    if (isMakeshift(first.report)) {
      await first.transport?.close();
      throw new Error(whyNone(first.report));
    }
    agreed ??= first.report.chosen;
    if (first.transport === undefined || first.report.chosen === agreed) return opened(first);
    await first.transport.close();
    return opened(await openBy(node, agreed));
  };
}

/**
 * A better way failed for no reason that the administrator could mend, so for the state that the path
 * is in now: all paths would go the worse way from then on.
 */
function isMakeshift({ chosen, tried }: TransportReport): boolean {
  return tried.some(({ kind, improvement }) => kind !== chosen && improvement === undefined);
}

function opened(path: { transport: PathTransport | undefined; report: TransportReport }) {
  if (path.transport !== undefined) return path.transport;
  throw new Error(whyNone(path.report));
}

/** Why no transport may be used, in one sentence. */
export function whyNone({ tried }: TransportReport): string {
  return tried.map(({ kind, reason }) => `${kind}: ${reason}`).join('; ');
}
