/** The process that serves now, as the one that is to go on in its place sees it. */
import { chownSync } from 'node:fs';
import { ControlClient } from '../control/control-client.js';
import type { NativeAddon, NativeConnection } from '../native/addon.js';
import { findUser } from '../util/accounts.js';
import { closeAll } from '../util/close-all.js';
import { Deferred } from '../util/deferred.js';
import { ExitCode, Failure, messageOf, refusal } from '../util/failure.js';
import { TakeoverChannel } from './channel.js';
import { decodeState, stateVersions } from './state-format.js';
import type { TakeoverState } from './state.js';

/** More than the process before takes to bring its guests to a standstill. */
const patienceMs = 20_000;

export interface PredecessorOptions {
  /** Where its control socket is; the takeover's own is made beside it. */
  readonly controlPath: string;
  /** Whom both processes become, if they do. */
  readonly user: string | undefined;
}

export class Predecessor {
  readonly #channel: TakeoverChannel;
  readonly #patience = AbortSignal.timeout(patienceMs);

  private constructor(channel: TakeoverChannel) {
    this.#channel = channel;
  }

  /**
   * Asks it to make way.
   * @throws Failure (socket, refused) if it isn't there, or says why it doesn't
   */
  static async meet(
    addon: Pick<NativeAddon, 'listenForFds' | 'createLane'>,
    { controlPath, user }: PredecessorOptions,
  ): Promise<Predecessor> {
    const socketPath = `${controlPath}.takeover`;
    const account = user === undefined ? undefined : findUser(user);
    const control = await ControlClient.open(controlPath);
    const accepted = new Deferred<NativeConnection>();
    const listener = listen(addon, socketPath, (connection) => {
      const { uid } = connection.peer;
      if (uid === process.geteuid?.() || uid === account?.uid) {
        accepted.resolve(connection);
        return;
      }
      connection.close();
      accepted.reject(refusal(`the running server is user ${uid}'s`));
    });
    try {
      if (account !== undefined) chownSync(socketPath, account.uid, account.gid);
      await control.request('takeover', { socket: socketPath, versions: stateVersions });
      return new Predecessor(new TakeoverChannel(addon, await accepted.promise));
    } finally {
      listener.close();
      control.close();
    }
  }

  /**
   * What it leaves; the descriptors are the caller's.
   * @throws Failure (refused) with its reason if it doesn't, or for a state that isn't valid
   */
  async inherit(): Promise<TakeoverState> {
    const { message } = await this.#channel.next('state', this.#patience);
    const fds: number[] = [];
    try {
      while (fds.length < message.fds) {
        const more = await this.#channel.next('fds', this.#patience);
        if (more.fds.length === 0) throw refusal('it sent no descriptor');
        fds.push(...more.fds);
      }
      return decodeState(message.state, fds);
    } catch (error) {
      closeAll(fds);
      throw error;
    }
  }

  /**
   * Says that this process could go on at once; resolves when it is to. From then on it must: the
   * other one takes nothing back.
   * @throws Failure (refused) if it goes on itself, or is gone
   */
  async ready(): Promise<void> {
    this.#channel.send({ type: 'ready' });
    await this.#channel.next('go', this.#patience);
  }

  /** Tells it to end. Nothing may be served before this returns, and all after. */
  running(): void {
    this.#channel.send({ type: 'running' });
  }

  /** This process ends without having served anything. */
  refuse(reason: string): void {
    this.#channel.send({ type: 'refused', reason });
  }
}

function listen(
  addon: Pick<NativeAddon, 'listenForFds'>,
  socketPath: string,
  onConnection: (connection: NativeConnection) => void,
): { close(): void } {
  try {
    return addon.listenForFds({ socketPath, socketMode: 0o600, onConnection });
  } catch (error) {
    throw new Failure(ExitCode.socket, messageOf(error), { cause: error });
  }
}
