/** A server with the ways to it from the host. */
import type { Logger } from 'pino';
import { ControlServer } from '../control/control-server.js';
import type { NativeAddon } from '../native/addon.js';
import { controlMethods } from './control-methods.js';
import { Handover } from './handover.js';
import type { Server } from './server.js';

export interface Served {
  readonly server: Server;
  readonly handover: Handover;
  readonly control: ControlServer | undefined;
  /** Aborted when the server was asked to end. */
  readonly quit: AbortSignal;
}

/**
 * @param path of the control socket; undefined: none
 * @throws Failure (socket) if it can't be listened on
 */
export async function openControl(
  addon: NativeAddon,
  server: Server,
  path: string | undefined,
  log: Logger,
): Promise<Served> {
  const quit = new AbortController();
  const handover = new Handover(server, addon, log);
  const methods = controlMethods(server, handover, () => {
    quit.abort();
  });
  const control = path === undefined ? undefined : await ControlServer.listen(path, methods);
  return { server, handover, control, quit: quit.signal };
}
