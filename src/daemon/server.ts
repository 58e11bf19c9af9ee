/** What is served, and to whom. */
import type { Logger } from 'pino';
import type { NativeAddon } from '../native/addon.js';
import { enterSandbox } from '../native/sandbox.js';
import { endsWithin } from '../util/ends-within.js';
import { ExitCode, Failure } from '../util/failure.js';
import type { TakeoverState } from '../takeover/state.js';
import { DiskOwnership } from './disk-ownership.js';
import { Guest } from './guest.js';
import { refuseOtherDevices } from './guest-device.js';
import type { DiskSettings, ServeOptions } from './serve-options.js';
import { ServedDisk } from './served-disk.js';

/** Windows looks no further (facts of vioscsi); Linux goes on to 16383. */
const lunMax = 255;

export class Server {
  readonly guests: readonly Guest[];
  readonly #addon: NativeAddon;
  readonly #disks: Map<number, ServedDisk>;
  readonly #ownership: DiskOwnership;
  readonly #log: Logger;
  readonly #stop: AbortSignal;

  /** @throws Failure (socket) if an endpoint can't be had */
  private constructor(
    addon: NativeAddon,
    disks: Map<number, ServedDisk>,
    options: ServeOptions,
    log: Logger,
    stop: AbortSignal,
    before: TakeoverState | undefined,
  ) {
    this.#addon = addon;
    this.#disks = disks;
    this.#log = log;
    this.#stop = stop;
    this.#ownership = new DiskOwnership({
      disks: () => [...disks.values()],
      guests: () => this.guests,
      log,
    });
    const inherited = new Map(before?.guests.map((guest) => [guest.initiator, guest.attachment]));
    this.guests = options.guests.map((guest) => {
      const attachment = inherited.get(guest.initiatorName);
      return new Guest(addon, disks, guest, options, this.#ownership, log, attachment);
    });
  }

  /**
   * @param stop aborted: nothing is waited for any more
   * @param before what the process left that this one takes the place of: its guests stand still
   *   until `resume`
   * @returns undefined if `stop` was aborted while waiting for an image
   * @throws Failure for everything that keeps it from serving
   */
  static async open(
    addon: NativeAddon,
    options: ServeOptions,
    log: Logger,
    stop: AbortSignal,
    before?: TakeoverState,
  ): Promise<Server | undefined> {
    if (before !== undefined) refuseOtherDevices(options, before);
    const disks = new Map<number, ServedDisk>();
    for (const [lun, settings] of options.disks.entries()) {
      const usual = options.incoming ? 'incoming' : 'here';
      const origin = before?.disks.find((disk) => disk.lun === lun) ?? usual;
      const disk = await ServedDisk.open(addon, settings, origin, log, stop);
      if (disk === undefined) return undefined;
      disks.set(lun, disk);
    }
    enterSandbox(addon, options.sandbox, false);
    const server = new Server(addon, disks, options, log, stop, before);
    if (before !== undefined) await server.#inherit(before);
    return server;
  }

  async #inherit({ disks }: TakeoverState): Promise<void> {
    for (const { attachment } of this.guests) await attachment.taken;
    for (const state of disks) await this.#disks.get(state.lun)?.inherit(state);
  }

  /** All guests go on. */
  resume(): void {
    for (const { attachment } of this.guests) attachment.resume();
  }

  get disks(): ReadonlyMap<number, ServedDisk> {
    return this.#disks;
  }

  /**
   * Opens one more disk and gives it to all guests.
   * @returns its LUN
   * @throws Failure if it can't be served, or a guest has a blk device
   */
  async plug(settings: DiskSettings): Promise<number> {
    if (this.guests.some(({ settings: { device } }) => device === 'blk')) {
      throw new Failure(ExitCode.usage, 'a blk device has one disk: only scsi guests take another');
    }
    this.#refuseElsewhere();
    const disk = await ServedDisk.open(this.#addon, settings, 'here', this.#log, this.#stop);
    if (disk === undefined) throw new Failure(ExitCode.usage, 'the server is about to end');
    try {
      this.#refuseElsewhere();
    } catch (error) {
      await disk.close();
      throw error;
    }
    const lun = this.#freeLun();
    this.#disks.set(lun, disk);
    for (const guest of this.guests) guest.plug(lun, disk);
    return lun;
  }

  /** Takes a disk from all guests and closes it. */
  async unplug(disk: ServedDisk): Promise<void> {
    if (this.guests.some(({ settings: { device } }) => device === 'blk')) {
      throw new Failure(ExitCode.usage, 'a blk device keeps its disk');
    }
    for (const [lun, other] of this.#disks) {
      if (other !== disk) continue;
      this.#disks.delete(lun);
      await Promise.all(this.guests.map((guest) => guest.unplug(lun)));
      await disk.close();
    }
  }

  /**
   * Stops all guests and closes the disks.
   * @returns false if I/O was left in the kernel after `milliseconds`
   */
  async stop(milliseconds: number): Promise<boolean> {
    const stopped = await Promise.all(this.guests.map((guest) => guest.stop(milliseconds)));
    if (stopped.includes(false)) return false;
    const closed = this.#ownership
      .close()
      .then(() => Promise.all([...this.#disks.values()].map((disk) => disk.close())));
    return endsWithin(closed, milliseconds);
  }

  #refuseElsewhere(): void {
    if ([...this.#disks.values()].every(({ ours }) => ours)) return;
    throw new Failure(ExitCode.imageInUse, 'the guest of these disks migrates: wait for its end');
  }

  #freeLun(): number {
    for (let lun = 0; lun <= lunMax; lun++) if (!this.#disks.has(lun)) return lun;
    throw new Failure(ExitCode.usage, `all LUNs up to ${lunMax} are taken`);
  }
}
