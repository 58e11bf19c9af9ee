import type { Logger } from 'pino';
import type { Image } from '../device/image.js';
import type { NativeAddon } from '../native/addon.js';
import { guestNexus } from '../pr/nexus.js';
import { HostUnit } from '../unit/host-unit.js';
import { MovableUnit, type MovableUnitOptions } from '../unit/movable-unit.js';
import { messageOf } from '../util/failure.js';
import type { DiskReservations, DiskReservationsOptions } from './disk-reservations.js';
import { GuestFence } from './guest-fence.js';
import { OwnReservations } from './own-reservations.js';
import type { DeviceReservationSettings } from './serve-options.js';

/** Reservations of the device itself, for its one guest, through all paths of this host. */
export class DeviceDiskReservations extends OwnReservations implements DiskReservations {
  readonly migratable = true;
  readonly unit: MovableUnit;
  readonly #path: string;
  readonly #log: Logger;

  private constructor(unit: MovableUnit, guest: GuestFence, path: string, log: Logger) {
    super(guest);
    this.unit = unit;
    this.#path = path;
    this.#log = log;
  }

  /** @throws Failure (image, imageInUse, refused), see `HostUnit.open` */
  static async open(
    addon: NativeAddon,
    { path }: Image,
    settings: DeviceReservationSettings,
    { timeoutMs, depth, elsewhere, onChange }: DiskReservationsOptions,
    log: Logger,
  ): Promise<DeviceDiskReservations> {
    const { initiatorName, journalFolder, transport, sequential } = settings;
    const guest = new GuestFence(addon, path);
    const device = HostUnit.find(path);
    const options: MovableUnitOptions = {
      open: (unitAttentions, left) =>
        HostUnit.open(addon, device, {
          guest: guestNexus(initiatorName),
          gate: guest.gate,
          journalFolder,
          transport,
          sequential,
          timeoutMs,
          depth,
          unitAttentions,
          left,
          onChange,
          log,
        }),
      onAttention: guest.onAttention,
      onTrouble: (error) => {
        log.error(`the reservations of ${path} can't go on here yet: ${messageOf(error)}`);
      },
    };
    const unit = elsewhere ? MovableUnit.elsewhere(options) : await MovableUnit.here(options);
    return new DeviceDiskReservations(unit, guest, path, log);
  }

  get carried(): MovableUnit {
    return this.unit;
  }

  async handOver(): Promise<void> {
    await this.unit.leave();
  }

  takeOver(stop: AbortSignal): Promise<boolean> {
    if (!this.unit.isDelivered) {
      this.#log.warn(
        `the guest waits for the reservations of ${this.#path}: holdfast pr migrate brings them from the host before`,
      );
    }
    return this.unit.goOn(stop);
  }

  surrender(): Promise<string> {
    return this.unit.leave();
  }

  keep(): Promise<void> {
    return this.unit.keep();
  }

  inherit(surrendered: string): Promise<void> {
    return this.unit.inherit(surrendered);
  }

  close(): Promise<void> {
    return this.unit.close();
  }
}
