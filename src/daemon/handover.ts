/** This process makes way for another one, which goes on serving in its place. */
import type { Logger } from 'pino';
import type { NativeAddon } from '../native/addon.js';
import { stateVersions } from '../takeover/state-format.js';
import { fdsOf, type GuestState } from '../takeover/state.js';
import { Successor } from '../takeover/successor.js';
import { aborted } from '../util/aborted.js';
import { closeAll } from '../util/close-all.js';
import { messageOf, refusal } from '../util/failure.js';
import type { Server } from './server.js';

/** What guests have in flight must end within that. A guest's own time-outs begin at 30 s. */
const standstillMilliseconds = 5_000;
/** Then the other process must be ready to serve within that. */
const readyMilliseconds = 5_000;

export interface HandoverRequest {
  /** Where the other process listens. */
  readonly socketPath: string;
  /** Of the state, those that it understands. */
  readonly versions: readonly number[];
}

/**
 * A transaction: all guests stand still, the other process builds everything, says that it is ready,
 * is told to go on, and says that it does. Whatever goes wrong before the last word: everything goes
 * on here, and guests have seen a pause.
 */
export class Handover {
  readonly #server: Server;
  readonly #addon: Pick<NativeAddon, 'connectForFds' | 'createLane'>;
  readonly #log: Logger;
  readonly #done = new AbortController();
  readonly #withdrawn = new AbortController();
  #attempt: Promise<boolean> | undefined;

  constructor(
    server: Server,
    addon: Pick<NativeAddon, 'connectForFds' | 'createLane'>,
    log: Logger,
  ) {
    this.#server = server;
    this.#addon = addon;
    this.#log = log;
  }

  /** Aborted when another process serves in this one's place: end at once, and touch nothing. */
  get done(): AbortSignal {
    return this.#done.signal;
  }

  /** @throws Failure (refused) while an attempt runs: what it hands over must not change */
  refuseMeanwhile(): void {
    if (this.#attempt === undefined) return;
    throw refusal('another process is taking over: ask that one');
  }

  /**
   * Resolves when the attempt has begun; what comes of it the other process learns.
   * @throws Failure (refused) if it can't begin
   */
  async begin({ socketPath, versions }: HandoverRequest): Promise<void> {
    this.refuseMeanwhile();
    this.#refuseImpossible(versions);
    const successor = await Successor.connect(this.#addon, socketPath);
    try {
      this.refuseMeanwhile();
    } catch (error) {
      successor.close();
      throw error;
    }
    this.#attempt = this.#run(successor).finally(() => {
      this.#attempt = undefined;
    });
  }

  /**
   * Ends an attempt, unless it is past recall: then that is waited for.
   * @returns whether another process serves in this one's place
   */
  async withdraw(): Promise<boolean> {
    this.#withdrawn.abort();
    return (await this.#attempt) ?? this.done.aborted;
  }

  #refuseImpossible(versions: readonly number[]): void {
    const [version] = stateVersions;
    const refuse = (why: string): never => {
      throw refusal(`${why}: stop this server and start the other one`);
    };
    if (version === undefined || !versions.includes(version)) {
      refuse(`the state is handed over as version ${String(version)}, which the other can't read`);
    }
    const disks = [...this.#server.disks.values()];
    if (!disks.every(({ ours }) => ours)) refuse('the guest of these disks migrates');
    const own = disks.find(({ migratable }) => !migratable);
    if (own !== undefined) refuse(`what the daemon keeps for ${own.path} can't be taken over`);
  }

  async #run(successor: Successor): Promise<boolean> {
    const { pid } = successor;
    const begun = performance.now();
    this.#log.info(`process ${pid} is to take over`);
    const isDone = await this.#handOver(successor);
    const pauseMilliseconds = Math.round(performance.now() - begun);
    if (isDone) {
      this.#log.info({ pauseMilliseconds }, `process ${pid} has taken over`);
      this.#done.abort();
      return true;
    }
    await Promise.all([...this.#server.disks.values()].map((disk) => disk.keep()));
    this.#server.resume();
    this.#log.warn({ pauseMilliseconds }, `process ${pid} has not taken over: going on here`);
    successor.close();
    return false;
  }

  /** @returns false: nothing here is any different, but that it stands still */
  async #handOver(successor: Successor): Promise<boolean> {
    const guests: GuestState[] = [];
    try {
      const standstill = this.#within(standstillMilliseconds);
      guests.push(...(await standStill(this.#server, standstill)));
      const disks = await orRefused(
        Promise.all([...this.#server.disks].map(([lun, disk]) => disk.surrender(lun))),
        standstill,
      );
      await successor.offer({ guests, disks }, this.#within(readyMilliseconds));
    } catch (error) {
      successor.refuse(messageOf(error));
      this.#log.warn(messageOf(error));
      return false;
    } finally {
      for (const { attachment } of guests) closeAll(fdsOf(attachment));
    }
    return successor.commit();
  }

  #within(milliseconds: number): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(milliseconds), this.#withdrawn.signal]);
  }
}

/** @throws Failure (refused), and some may stand still */
async function standStill({ guests }: Server, stop: AbortSignal): Promise<GuestState[]> {
  const giveUp = () => {
    for (const { attachment } of guests) attachment.resume();
  };
  stop.addEventListener('abort', giveUp);
  const outcomes = await Promise.allSettled(guests.map((guest) => guest.standStill()));
  stop.removeEventListener('abort', giveUp);
  const states = outcomes.flatMap((outcome) =>
    outcome.status === 'fulfilled' ? [outcome.value] : [],
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return states;
  for (const { attachment } of states) closeAll(fdsOf(attachment));
  throw failed.reason;
}

async function orRefused<Value>(value: Promise<Value>, stop: AbortSignal): Promise<Value> {
  return Promise.race([
    value,
    aborted(stop).then(() => {
      throw refusal('a reservation command did not end in time');
    }),
  ]);
}
