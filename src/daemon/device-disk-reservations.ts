import type { Logger } from 'pino';
import type { Image } from '../device/image.js';
import { deviceActions } from '../fan-out/refusals.js';
import type { NativeAddon, NativeFence } from '../native/addon.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import { guestNexus } from '../pr/nexus.js';
import { PrdReservations } from '../prd/prd-reservations.js';
import { HostUnit } from '../unit/host-unit.js';
import type { DiskReservations, DiskReservationsOptions } from './disk-reservations.js';
import { refusal } from '../util/failure.js';
import { GuestFence } from './guest-fence.js';
import type { DaemonReservationSettings, DeviceReservationSettings } from './serve-options.js';

const notHandedOver = "reservations of the device itself don't migrate yet";

/** Reservations of the device itself, for its one guest. */
export class DeviceDiskReservations implements DiskReservations {
  readonly actions = deviceActions;
  readonly sharedWithHosts = true;
  readonly migratable = false;
  readonly unit: LogicalUnitReservations;
  readonly #guest: GuestFence;
  readonly #closeUnit: () => Promise<void>;

  private constructor(
    unit: LogicalUnitReservations,
    guest: GuestFence,
    closeUnit: () => Promise<void>,
  ) {
    this.unit = unit;
    this.#guest = guest;
    this.#closeUnit = closeUnit;
  }

  /**
   * Through all paths of this host.
   * @throws Failure (image, imageInUse, refused), see `HostUnit.open`
   */
  static async open(
    addon: NativeAddon,
    { path }: Image,
    { initiatorName, journalFolder, transport, sequential }: DeviceReservationSettings,
    { timeoutMs, depth, onChange }: DiskReservationsOptions,
    log: Logger,
  ): Promise<DeviceDiskReservations> {
    const guest = new GuestFence(addon, path);
    const unit = await HostUnit.open(addon, HostUnit.find(path), {
      guest: guestNexus(initiatorName),
      gate: guest.gate,
      journalFolder,
      transport,
      sequential,
      timeoutMs,
      depth,
      onAttention: guest.onAttention,
      onChange,
      log,
    });
    return new DeviceDiskReservations(unit.reservations, guest, () => unit.close());
  }

  /**
   * Through a daemon that may touch the paths.
   * @throws Failure (socket, refused), see `PrdReservations.open`
   */
  static async openByDaemon(
    addon: NativeAddon,
    { path, fd }: Image,
    { initiatorName, socketPath }: DaemonReservationSettings,
    { onChange }: DiskReservationsOptions,
    log: Logger,
  ): Promise<DeviceDiskReservations> {
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
    return new DeviceDiskReservations(unit, guest, () => unit.close());
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

  handOver(): Promise<void> {
    return Promise.reject(refusal(notHandedOver));
  }

  takeOver(): Promise<void> {
    return Promise.reject(refusal(notHandedOver));
  }

  surrender(): Promise<string> {
    return Promise.reject(refusal(notHandedOver));
  }

  keep(): Promise<void> {
    return Promise.resolve();
  }

  inherit(): Promise<void> {
    return Promise.reject(refusal(notHandedOver));
  }

  close(): Promise<void> {
    return this.#closeUnit();
  }
}
