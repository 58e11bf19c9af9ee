import type { Logger } from 'pino';
import type { Image } from '../device/image.js';
import type { NativeAddon } from '../native/addon.js';
import { PrdReservations } from '../prd/prd-reservations.js';
import { refusal } from '../util/failure.js';
import type { DiskReservations, DiskReservationsOptions } from './disk-reservations.js';
import { GuestFence } from './guest-fence.js';
import { OwnReservations } from './own-reservations.js';
import type { DaemonReservationSettings } from './serve-options.js';

/** Reservations of the device itself, for its one guest, through a daemon that may touch the paths. */
export class DaemonDiskReservations extends OwnReservations implements DiskReservations {
  readonly migratable = false;
  readonly carried = undefined;
  readonly unit: PrdReservations;

  private constructor(unit: PrdReservations, guest: GuestFence) {
    super(guest);
    this.unit = unit;
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
    const unit = await PrdReservations.open({
      addon,
      socketPath,
      fd,
      initiator: initiatorName,
      gate: guest.gate,
      onAttention: guest.onAttention,
      onChange,
      onReach: (trouble) => {
        const about = `reservation daemon ${socketPath}`;
        if (trouble === undefined) log.info(`${about} is there again`);
        else log.warn(`${about} is out of reach, ${path} waits for it: ${trouble}`);
      },
    });
    return new DaemonDiskReservations(unit, guest);
  }

  handOver(): Promise<never> {
    return notHandedOver();
  }

  takeOver(): Promise<never> {
    return notHandedOver();
  }

  surrender(): Promise<never> {
    return notHandedOver();
  }

  keep(): Promise<void> {
    return Promise.resolve();
  }

  inherit(): Promise<never> {
    return notHandedOver();
  }

  close(): Promise<void> {
    return this.unit.close();
  }
}

function notHandedOver(): Promise<never> {
  return Promise.reject(refusal('what a reservation daemon keeps is not handed over'));
}
