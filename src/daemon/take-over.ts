/** This process goes on serving in the place of another one. */
import { rmSync } from 'node:fs';
import type { Logger } from 'pino';
import type { NativeAddon } from '../native/addon.js';
import { Predecessor } from '../takeover/predecessor.js';
import { ExitCode, Failure, messageOf, refusal } from '../util/failure.js';
import { exitImmediately } from '../util/libc.js';
import { notifyServiceManager } from '../util/service-manager.js';
import { openControl, type Served } from './served.js';
import { Server } from './server.js';
import type { ServeOptions } from './serve-options.js';

/**
 * Resolves when the guests are served here. Where it can't come to that the process ends: what it
 * has inherited belongs to the other one, so no destructor may run.
 * @param stop aborted: that other process goes on
 */
export async function takeOver(
  addon: NativeAddon,
  options: ServeOptions,
  log: Logger,
  stop: AbortSignal,
): Promise<Served> {
  const { controlSocket } = options;
  if (controlSocket === undefined) throw new Error('there is no control socket');
  // Until then it is the other process's.
  const ownSocket = `${controlSocket}.next`;
  try {
    const predecessor = await Predecessor.meet(addon, {
      controlPath: controlSocket,
      user: options.sandbox.user,
    });
    try {
      const server = await inherit(addon, predecessor, options, log, stop);
      const served = await openControl(addon, server, ownSocket, log);
      await predecessor.ready();
      notifyServiceManager(`MAINPID=${process.pid}\nREADY=1`);
      predecessor.running();
      server.resume();
      moveControl(served, ownSocket, controlSocket, log);
      log.info('taken over');
      return served;
    } catch (error) {
      predecessor.refuse(messageOf(error));
      throw error;
    }
  } catch (error) {
    rmSync(ownSocket, { force: true });
    if (error instanceof Failure) log.fatal(error.message);
    else log.fatal({ err: error }, 'taking over failed: this is a bug');
    exitImmediately(error instanceof Failure ? error.exitCode : ExitCode.internal);
    throw error;
  }
}

/** From here on nothing may end this process: no other one has the guests any more. */
function moveControl({ control }: Served, from: string, to: string, log: Logger): void {
  try {
    control?.moveTo(to);
  } catch (error) {
    log.error(`the control socket stays at ${from}: ${messageOf(error)}`);
  }
}

async function inherit(
  addon: NativeAddon,
  predecessor: Predecessor,
  options: ServeOptions,
  log: Logger,
  stop: AbortSignal,
): Promise<Server> {
  const server = await Server.open(addon, options, log, stop, await predecessor.inherit());
  if (server === undefined || stop.aborted) {
    throw refusal('it was told to end');
  }
  return server;
}
