/** Whose the disks are while virtual machines migrate. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../util/failure.js';
import type { GuestSettings } from './serve-options.js';
import type { ServedDisk } from './served-disk.js';

export type OwnedDisk = Pick<ServedDisk, 'path' | 'ours' | 'takeOver' | 'handOver'>;

export interface AdmittedGuest {
  readonly settings: Pick<GuestSettings, 'initiatorName'>;
  /** Its rings made this demand: lets them in, unless they have stopped since. */
  admit: (demand: number) => void;
  /** Its rings make a demand when they start next; false, and nothing has changed: some run. */
  withdraw: () => boolean;
}

/** Before the next try after something other than another process stood against it. */
const retryMilliseconds = 1_000;

export interface DiskOwnershipOptions {
  /** Those that are served now. */
  readonly disks: () => readonly OwnedDisk[];
  readonly guests: () => readonly AdmittedGuest[];
  readonly log: Logger;
}

/**
 * Fencing rule 2: the disks' writer locks are taken when a guest's rings start, and given up when
 * the last guest has handed itself over, which means that its rings stopped while its front end
 * logged dirty pages. The data plane holds everything back from the moment a guest leaves until it
 * is admitted again, so nothing here has to be quick to be right.
 */
export class DiskOwnership {
  readonly #options: DiskOwnershipOptions;
  readonly #closing = new AbortController();
  readonly #demands = new Map<AdmittedGuest, number>();
  /** Somebody has left for whom the disks are to be given up. */
  #left = false;
  #working = false;
  #work = Promise.resolve();
  #attempt: AbortController | undefined;

  constructor(options: DiskOwnershipOptions) {
    this.#options = options;
  }

  /** The guest's rings wait to be admitted, with this demand. */
  wanted(guest: AdmittedGuest, demand: number): void {
    this.#demands.set(guest, demand);
    this.#proceed();
  }

  /** The guest's rings have stopped, and those that start next will make a demand. */
  left(guest: AdmittedGuest): void {
    this.#demands.delete(guest);
    this.#left = true;
    if (this.#demands.size === 0) this.#attempt?.abort();
    this.#proceed();
  }

  /** Resolves when nothing is taken or given up any more: the disks stay whose they are. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#work;
  }

  #proceed(): void {
    if (this.#working) return;
    this.#working = true;
    this.#work = this.#settle();
  }

  /** Until what is demanded and what is the case agree; the demands may change meanwhile. */
  async #settle(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      if (this.#demands.size > 0) {
        if (await this.#take()) this.#admitAll();
      } else if (this.#left && this.#options.disks().some(({ ours }) => ours)) {
        this.#left = false;
        await this.#give();
      } else {
        break;
      }
    }
    this.#working = false;
  }

  #admitAll(): void {
    this.#left = false;
    for (const [guest, demand] of this.#demands) {
      // One that is over lets nothing in, and word of its end is on the way.
      guest.admit(demand);
      this.#demands.delete(guest);
    }
  }

  /** @returns whether all disks are ours */
  async #take(): Promise<boolean> {
    this.#attempt = new AbortController();
    const stop = AbortSignal.any([this.#attempt.signal, this.#closing.signal]);
    const { disks, log } = this.#options;
    const missing = disks().filter(({ ours }) => !ours);
    try {
      for (const disk of missing) await disk.takeOver(stop);
      if (stop.aborted) return false;
      if (missing.length > 0) log.info({ images: pathsOf(missing) }, 'disks taken over');
      return true;
    } catch (error) {
      log.error(`the disks can't be taken over yet: ${messageOf(error)}`);
      await pause(stop);
      return false;
    } finally {
      this.#attempt = undefined;
    }
  }

  async #give(): Promise<void> {
    const { disks, guests, log } = this.#options;
    const running = guests().filter((guest) => !guest.withdraw());
    if (running.length > 0) {
      const names = running.map(({ settings }) => settings.initiatorName).join(', ');
      log.warn(`the disks stay here for ${names}: who has left can't run elsewhere before`);
      return;
    }
    try {
      for (const disk of disks()) await disk.handOver();
      log.info({ images: pathsOf(disks()) }, 'disks handed over');
    } catch (error) {
      log.error(`the disks can't be handed over yet: ${messageOf(error)}`);
      this.#left = true;
      await pause(this.#closing.signal);
    }
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(retryMilliseconds, undefined, { signal }).catch(() => undefined);
}

function pathsOf(disks: readonly OwnedDisk[]): string[] {
  return disks.map(({ path }) => path);
}
