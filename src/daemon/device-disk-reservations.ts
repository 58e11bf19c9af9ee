import type { Logger } from 'pino';
import type { Image } from '../device/image.js';
import { deviceActions } from '../fan-out/refusals.js';
import type { NativeAddon, NativeFence } from '../native/addon.js';
import { guestNexus } from '../pr/nexus.js';
import { HostUnit } from '../unit/host-unit.js';
import type { DiskReservations, DiskReservationsOptions } from './disk-reservations.js';
import { GuestFence } from './guest-fence.js';
import type { DeviceReservationSettings } from './serve-options.js';

/** Reservations of the device itself, through all paths of this host, for its one guest. */
export class DeviceDiskReservations implements DiskReservations {
  readonly actions = deviceActions;
  readonly sharedWithHosts = true;
  readonly #unit: HostUnit;
  readonly #guest: GuestFence;

  private constructor(unit: HostUnit, guest: GuestFence) {
    this.#unit = unit;
    this.#guest = guest;
  }

  /** @throws Failure (image, imageInUse, refused), see `HostUnit.open` */
  static async open(
    addon: NativeAddon,
    { path }: Image,
    { initiatorName, journalFolder, transport, sequential }: DeviceReservationSettings,
    { timeoutMs, depth, onChange }: DiskReservationsOptions,
    log: Logger,
  ): Promise<DeviceDiskReservations> {
    const guest = new GuestFence(addon, path);
    const { gate } = guest;
    const unit = await HostUnit.open(addon, HostUnit.find(path), {
      guest: guestNexus(initiatorName),
      gate,
      journalFolder,
      transport,
      sequential,
      timeoutMs,
      depth,
      onAttention: (pending) => {
        gate.attentionPending = pending;
      },
      onChange,
      log,
    });
    return new DeviceDiskReservations(unit, guest);
  }

  get unit(): HostUnit['reservations'] {
    return this.#unit.reservations;
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
    return this.#unit.close();
  }
}
