import type { Logger } from 'pino';
import type { Image } from '../device/image.js';
import { deviceActions } from '../fan-out/refusals.js';
import type { NativeAddon, NativeFence } from '../native/addon.js';
import { PrdReservations } from '../prd/prd-reservations.js';
import type { DiskReservations, DiskReservationsOptions } from './disk-reservations.js';
import { GuestFence } from './guest-fence.js';
import type { DaemonReservationSettings } from './serve-options.js';

/** Reservations of the device itself, through a daemon that may touch its paths, for one guest. */
export class DaemonDiskReservations implements DiskReservations {
  readonly actions = deviceActions;
  readonly sharedWithHosts = true;
  readonly unit: PrdReservations;
  readonly #guest: GuestFence;

  private constructor(unit: PrdReservations, guest: GuestFence) {
    this.unit = unit;
    this.#guest = guest;
  }

  /** @throws Failure (socket, refused), see `PrdReservations.open` */
  static async open(
    addon: NativeAddon,
    { path, fd }: Image,
    { initiatorName, socketPath }: DaemonReservationSettings,
    { onChange }: DiskReservationsOptions,
    log: Logger,
  ): Promise<DaemonDiskReservations> {
    const guest = new GuestFence(addon, path);
    const { gate } = guest;
    const unit = await PrdReservations.open({
      addon,
      socketPath,
      fd,
      initiator: initiatorName,
      gate,
      onAttention: (pending) => {
        gate.attentionPending = pending;
      },
      onChange,
      onReach: (trouble) => {
        const about = `reservation daemon ${socketPath}`;
        if (trouble === undefined) log.info(`${about} is there again`);
        else log.warn(`${about} is out of reach, ${path} waits for it: ${trouble}`);
      },
    });
    return new DaemonDiskReservations(unit, guest);
  }

  attach(): NativeFence {
    return this.#guest.attach();
  }

  detach(): Promise<void> {
    this.#guest.detach();
    return Promise.resolve();
  }

  /** The host's nexuses stay what they are. */
  nexusLost(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends nothing of a persistent reservation (SPC-4 §5.13.4). */
  logicalUnitReset(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.unit.close();
  }
}
