import { closeSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { ControlClient } from '../../src/control/control-client.js';
import { ControlServer, method } from '../../src/control/control-server.js';
import { loadNativeAddon } from '../../src/native/load-native-addon.js';
import { TakeoverChannel } from '../../src/takeover/channel.js';
import * as v from 'valibot';
import { scratchSocket } from './scratch.js';

/** The messages of a takeover, in order. */
export const takeoverSteps = ['asked', 'state', 'fds', 'ready', 'go', 'running'] as const;
export type TakeoverStep = (typeof takeoverSteps)[number];

const addon = loadNativeAddon();

/** Stands between the two processes of a takeover and passes on what they say. */
export class TakeoverRelay {
  /** The control socket for the process that is to take over. */
  readonly controlPath: string;

  private constructor(controlPath: string) {
    this.controlPath = controlPath;
  }

  /**
   * @param serverPath control socket of the process that serves
   * @param onStep called before a message is passed on
   */
  static async between(
    serverPath: string,
    onStep: (step: TakeoverStep) => Promise<void>,
  ): Promise<TakeoverRelay> {
    const controlPath = scratchSocket();
    const schema = v.object({ socket: v.string(), versions: v.array(v.number()) });
    const takeover = method(schema, async ({ socket, versions }) => {
      await onStep('asked');
      // First: of a process that is gone by now the other one hears nothing.
      const next = new TakeoverChannel(addon, await addon.connectForFds(socket));
      const old = await meet(serverPath, versions);
      void pass(old, next, onStep)
        .catch(() => undefined)
        .finally(() => {
          old.close();
          next.close();
        });
    });
    const control = await ControlServer.listen(controlPath, new Map([['takeover', takeover]]));
    onTestFinished(() => {
      control.close();
    });
    return new TakeoverRelay(controlPath);
  }
}

/** The process that serves, as one that is to take over sees it. */
export async function meet(controlPath: string, versions = [1]): Promise<TakeoverChannel> {
  const socketPath = scratchSocket();
  const control = await ControlClient.open(controlPath);
  let close: () => void = () => undefined;
  const connection = new Promise<TakeoverChannel>((resolve) => {
    const listener = addon.listenForFds({
      socketPath,
      socketMode: 0o600,
      onConnection: (accepted) => {
        resolve(new TakeoverChannel(addon, accepted));
      },
    });
    close = () => {
      listener.close();
    };
  });
  try {
    await control.request('takeover', { socket: socketPath, versions });
    return await connection;
  } finally {
    close();
    control.close();
  }
}

async function pass(
  old: TakeoverChannel,
  next: TakeoverChannel,
  onStep: (step: TakeoverStep) => Promise<void>,
): Promise<void> {
  const { message } = await old.next('state');
  await onStep('state');
  next.send(message);
  for (let passed = 0; passed < message.fds;) {
    const { message: line, fds } = await old.next('fds');
    if (passed === 0) await onStep('fds');
    next.send(line, fds);
    passed += fds.length;
    for (const fd of fds) closeSync(fd);
  }
  const steps = [
    [next, old, 'ready'],
    [old, next, 'go'],
    [next, old, 'running'],
  ] as const;
  for (const [from, to, type] of steps) {
    const { message: said } = await from.next(type);
    await onStep(type);
    to.send(said);
  }
  // Both say no more; the one that ends closes the connection.
  await old.next('ready');
}
