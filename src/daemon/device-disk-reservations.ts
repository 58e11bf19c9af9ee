import type { Logger } from 'pino';
import type { Image } from '../device/image.js';
import { deviceActions } from '../fan-out/refusals.js';
import type { NativeAddon, NativeFence } from '../native/addon.js';
import { guestNexus, type Nexus } from '../pr/nexus.js';
import { HostUnit } from '../unit/host-unit.js';
import { ExitCode, Failure } from '../util/failure.js';
import type { DiskReservations, DiskReservationsOptions } from './disk-reservations.js';
import { FenceGate } from './fence-gate.js';
import type { DeviceReservationSettings } from './serve-options.js';

/** Reservations of the device itself, through all paths of this host, for its one guest. */
export class DeviceDiskReservations implements DiskReservations {
  readonly actions = deviceActions;
  readonly #addon: NativeAddon;
  readonly #unit: HostUnit;
  readonly #gate: FenceGate;
  #guest: Nexus | undefined;

  private constructor(addon: NativeAddon, unit: HostUnit, gate: FenceGate) {
    this.#addon = addon;
    this.#unit = unit;
    this.#gate = gate;
  }

  /** @throws Failure (image, imageInUse, refused), see `HostUnit.open` */
  static async open(
    addon: NativeAddon,
    { path }: Image,
    settings: DeviceReservationSettings,
    { timeoutMs, depth }: DiskReservationsOptions,
    log: Logger,
  ): Promise<DeviceDiskReservations> {
    const gate = new FenceGate();
    const unit = await HostUnit.open(addon, path, {
      guest: guestNexus(settings.initiatorName),
      gate,
      journalFolder: settings.journalFolder,
      transport: settings.transport,
      sequential: settings.sequential,
      timeoutMs,
      depth,
      onAttention: (pending) => {
        gate.attentionPending = pending;
      },
      log,
    });
    return new DeviceDiskReservations(addon, unit, gate);
  }

  get unit(): HostUnit['reservations'] {
    return this.#unit.reservations;
  }

  attach(nexus: Nexus): NativeFence {
    if (this.#guest !== undefined) {
      throw new Failure(
        ExitCode.usage,
        `${this.#unit.device.name} keeps its reservations itself, and to it all guests of this host are one: it takes one guest`,
      );
    }
    this.#guest = nexus;
    const fence = this.#addon.createFence({
      onConflict: () => {
        this.#gate.onConflict();
      },
    });
    this.#gate.fence = fence;
    return fence;
  }

  detach(): Promise<void> {
    this.#guest = undefined;
    this.#gate.fence = undefined;
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
