/** The process that is to go on in this one's place, as this one sees it. */
import type { NativeAddon, NativeConnection } from '../native/addon.js';
import { messageOf, refusal } from '../util/failure.js';
import { fdsPerLine, TakeoverChannel } from './channel.js';
import { encodeState } from './state-format.js';
import type { TakeoverState } from './state.js';

/** From `go` to `running` there is nothing left to do. */
const runningMilliseconds = 5_000;

export class Successor {
  readonly pid: number;
  readonly #channel: TakeoverChannel;

  private constructor(connection: NativeConnection, channel: TakeoverChannel) {
    this.pid = connection.peer.pid;
    this.#channel = channel;
  }

  /**
   * @param socketPath where it listens
   * @throws Failure (refused) if it can't be reached or is another user's: it will get the guests'
   *   memory
   */
  static async connect(
    addon: Pick<NativeAddon, 'connectForFds' | 'createLane'>,
    socketPath: string,
  ): Promise<Successor> {
    let connection: NativeConnection;
    try {
      connection = await addon.connectForFds(socketPath);
    } catch (error) {
      throw refusal(messageOf(error), { cause: error });
    }
    const { uid } = connection.peer;
    if (uid !== 0 && uid !== process.geteuid?.()) {
      connection.close();
      throw refusal(`${socketPath} is the socket of another user, ${uid}`);
    }
    return new Successor(connection, new TakeoverChannel(addon, connection));
  }

  /**
   * Resolves when it could go on at once. The descriptors stay the caller's.
   * @throws Failure (refused) if it can't, or hasn't said so when `stop` was aborted
   */
  async offer(state: TakeoverState, stop: AbortSignal): Promise<void> {
    const { document, fds } = encodeState(state);
    this.#channel.send({ type: 'state', fds: fds.length, state: document });
    for (let at = 0; at < fds.length; at += fdsPerLine) {
      this.#channel.send({ type: 'fds' }, fds.slice(at, at + fdsPerLine));
    }
    await this.#channel.next('ready', stop);
  }

  /**
   * Lets it go on. From here on only its end tells that it doesn't: one that doesn't say either is
   * killed.
   * @returns whether it does
   */
  async commit(): Promise<boolean> {
    this.#channel.send({ type: 'go' });
    const hangs = setTimeout(() => {
      this.#kill();
    }, runningMilliseconds);
    try {
      await this.#channel.next('running');
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(hangs);
    }
  }

  #kill(): void {
    // 0: it is in another PID namespace; to kill(2) that is this process's group.
    if (this.pid <= 0) return;
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      // It is another user's: waiting is all that is left.
    }
  }

  /** @param reason for which there will be no takeover */
  refuse(reason: string): void {
    this.#channel.send({ type: 'refused', reason });
  }

  close(): void {
    this.#channel.close();
  }
}
