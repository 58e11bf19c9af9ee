import { realpathSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Image } from '../device/image.js';
import { EmulatedReservations } from '../emulated/emulated-reservations.js';
import { FileStateStore } from '../emulated/file-state-store.js';
import { NexusFences } from '../emulated/nexus-fences.js';
import { decodeStateFile, encodeStateFile } from '../emulated/state-file-format.js';
import type { StateStore } from '../emulated/state-store.js';
import { emulatedActions } from '../emulated/transition.js';
import type { NativeAddon, NativeFence } from '../native/addon.js';
import type { Nexus } from '../pr/nexus.js';
import type { DiskReservations, DiskReservationsOptions } from './disk-reservations.js';
import type { EmulatedReservationSettings } from './serve-options.js';

/** Reservations that this process keeps, in a file, for any number of guests. */
export class EmulatedDiskReservations implements DiskReservations {
  readonly unit: EmulatedReservations;
  readonly actions: DiskReservations['actions'];
  readonly sharedWithHosts = false;
  readonly migratable = true;
  readonly carried = undefined;
  readonly #addon: NativeAddon;
  readonly #fences: NexusFences;

  private constructor(
    addon: NativeAddon,
    unit: EmulatedReservations,
    actions: DiskReservations['actions'],
    fences: NexusFences,
  ) {
    this.#addon = addon;
    this.unit = unit;
    this.actions = actions;
    this.#fences = fences;
  }

  /** @throws Failure (image) if the file of the reservations can't be read */
  static async open(
    addon: NativeAddon,
    image: Image,
    settings: EmulatedReservationSettings,
    options: DiskReservationsOptions,
    log: Logger,
  ): Promise<EmulatedDiskReservations> {
    const statePath = statePathOf(image, settings);
    const fences = new NexusFences();
    const unit = await EmulatedReservations.open({
      ...options,
      store: statePath === undefined ? noStore : new FileStateStore(statePath),
      // Nodes of a device differ from host to host, and so their locks don't meet.
      needsHandover: image.isBlockDevice,
      fence: fences,
      onFault: (error) => {
        log.error({ err: error, image: image.path }, 'a reservation command failed: this is a bug');
      },
      onStoreFailure: (error) => {
        log.error({ err: error, image: image.path }, `${statePath ?? ''} could not be written`);
      },
    });
    const actions = statePath === undefined ? new Set<never>() : emulatedActions;
    return new EmulatedDiskReservations(addon, unit, actions, fences);
  }

  attach(nexus: Nexus): NativeFence {
    const fence = this.#addon.createFence();
    this.#fences.add(nexus.id, fence);
    this.unit.attach(nexus);
    return fence;
  }

  async detach(nexus: Nexus): Promise<void> {
    await this.unit.detach(nexus);
    this.#fences.remove(nexus.id);
  }

  nexusLost(nexus: Nexus): Promise<void> {
    return this.unit.nexusLost(nexus);
  }

  logicalUnitReset(): Promise<void> {
    return this.unit.logicalUnitReset();
  }

  async handOver(): Promise<void> {
    if (this.actions.size > 0) await this.unit.handOver();
  }

  async takeOver(): Promise<boolean> {
    if (this.actions.size > 0) await this.unit.takeOver();
    return true;
  }

  async surrender(): Promise<string> {
    return encodeStateFile(await this.unit.surrender());
  }

  keep(): Promise<void> {
    return this.unit.keep();
  }

  async inherit(surrendered: string): Promise<void> {
    await this.unit.inherit(decodeStateFile(surrendered));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Undefined: there is nowhere to keep reservations. */
function statePathOf(image: Image, { statePath }: EmulatedReservationSettings): string | undefined {
  if (statePath !== undefined) return statePath;
  // Readers share an image, and would share the file.
  if (image.isBlockDevice || image.readOnly) return undefined;
  return `${realpathSync(image.path)}.reservations`;
}

const noStore: StateStore = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.reject(new Error('reservations of this disk are kept nowhere')),
};
