/** A disk with its reservations: what all guests that are attached to it share. */
import { realpathSync } from 'node:fs';
import type { Logger } from 'pino';
import { defaultSerial, deviceIdentity } from '../device/serial.js';
import type { Image } from '../device/image.js';
import { EmulatedReservations } from '../emulated/emulated-reservations.js';
import { FileStateStore } from '../emulated/file-state-store.js';
import { NexusFences } from '../emulated/nexus-fences.js';
import type { StateStore } from '../emulated/state-store.js';
import { emulatedActions } from '../emulated/transition.js';
import type { NativeAddon, NativeDisk, NativeFence } from '../native/addon.js';
import type { ReservationCommand } from '../pr/command.js';
import type { Nexus } from '../pr/nexus.js';
import { derivedDesignator, parseDesignator } from '../scsi/designator.js';
import { defaultProduct, type Identity } from '../scsi/identity.js';
import { LogicalUnit } from '../scsi/logical-unit.js';
import type { MediumOptions } from '../scsi/medium.js';
import type { ModeSettings } from '../scsi/mode-pages.js';
import { openLockedImage, openNativeDisk } from './disk.js';
import type { DiskSettings } from './serve-options.js';

/** A reservation command is answered within this; a guest's own time-outs begin at 30 s. */
const reservationTimeoutMs = 5_000;
/** Reservation commands of all guests that may wait for their turn. */
const reservationQueueDepth = 128;

/** Most blocks of one COMPARE AND WRITE; cluster file systems lock with one. */
const compareAndWriteBlocks = 8;

/** What the data plane of an attached guest must follow. */
export interface DiskObserver {
  onSettings(settings: ModeSettings): void;
  onCapacity(): void;
}

interface Parts {
  addon: NativeAddon;
  image: Image;
  native: NativeDisk;
  identity: Identity;
  reservations: EmulatedReservations;
  actions: ReadonlySet<ReservationCommand['action']>;
  fences: NexusFences;
}

export class ServedDisk {
  readonly path: string;
  readonly native: NativeDisk;
  readonly reservations: EmulatedReservations;
  readonly unit: LogicalUnit;
  /** `change`: other reservations hold now. */
  readonly reservationsChanged = new EventTarget();
  readonly #addon: NativeAddon;
  readonly #fences: NexusFences;
  readonly #observers = new Set<DiskObserver>();

  private constructor({ addon, image, native, identity, reservations, actions, fences }: Parts) {
    this.#addon = addon;
    this.path = image.path;
    this.native = native;
    this.reservations = reservations;
    this.#fences = fences;
    this.unit = new LogicalUnit({
      identity,
      medium: mediumOf(image, native),
      reservations,
      reservationActions: actions,
      onSettings: (settings) => {
        for (const observer of this.#observers) observer.onSettings(settings);
      },
    });
  }

  /**
   * @returns undefined if `stop` was aborted while waiting for the image
   * @throws Failure (image, imageInUse) with what to do
   */
  static async open(
    addon: NativeAddon,
    settings: DiskSettings,
    log: Logger,
    stop: AbortSignal,
  ): Promise<ServedDisk | undefined> {
    const image = await openLockedImage(settings, log, stop);
    if (image === undefined) return undefined;

    const serial = settings.serial ?? defaultSerial(image);
    // Filled below, before anything can happen to the disk.
    const served: { disk?: ServedDisk } = {};
    const native = openNativeDisk(addon, image, serial, settings, (sizeBytes) => {
      log.info({ image: image.path, sizeBytes }, 'the disk has a new size');
      served.disk?.followSize();
    });
    const designator =
      settings.designator ??
      parseDesignator(deviceIdentity(image) ?? '') ??
      derivedDesignator(serial);
    const statePath = statePathOf(image, settings);
    const fences = new NexusFences();
    const reservations = await EmulatedReservations.open({
      store: statePath === undefined ? noStore : new FileStateStore(statePath),
      fence: fences,
      timeoutMs: reservationTimeoutMs,
      depth: reservationQueueDepth,
      onFault: (error) => {
        log.error({ err: error, image: image.path }, 'a reservation command failed: this is a bug');
      },
      onChange: () => {
        served.disk?.reservationsChanged.dispatchEvent(new Event('change'));
      },
      onStoreFailure: (error) => {
        log.error({ err: error, image: image.path }, `${statePath ?? ''} could not be written`);
      },
    });
    served.disk = new ServedDisk({
      addon,
      image,
      native,
      identity: { ...defaultProduct, serial, designator },
      reservations,
      actions: statePath === undefined ? new Set() : emulatedActions,
      fences,
    });
    return served.disk;
  }

  /** Whether guests can reserve it: there must be a file to keep that in. */
  get hasReservations(): boolean {
    return this.unit.reservationActions.size > 0;
  }

  /**
   * Lets a guest in, with the access that reservations leave its nexus now.
   * @param nexus that no other guest is attached with
   * @returns the gate for its data
   */
  attach(nexus: Nexus): NativeFence {
    const fence = this.#addon.createFence();
    this.#fences.add(nexus.id, fence);
    this.reservations.attach(nexus);
    return fence;
  }

  /** To be called when nothing of the nexus is in flight any more. Its registration stays. */
  async detach(nexus: Nexus): Promise<void> {
    await this.reservations.detach(nexus);
    this.#fences.remove(nexus.id);
  }

  observe(observer: DiskObserver): void {
    this.#observers.add(observer);
  }

  unobserve(observer: DiskObserver): void {
    this.#observers.delete(observer);
  }

  /** The guest's connection ended or it sent I_T NEXUS RESET. */
  async nexusLost(nexus: Nexus): Promise<void> {
    await this.reservations.nexusLost(nexus);
    this.unit.nexusLost(nexus);
  }

  /** LOGICAL UNIT RESET. */
  async reset(): Promise<void> {
    await this.reservations.logicalUnitReset();
    this.unit.reset();
  }

  /**
   * Reads the device's size again; guests that ask after this returns are shown it.
   * @returns bytes
   * @throws Error if it can't be read
   */
  refreshSize(): number {
    const sizeBytes = this.native.refreshSize();
    this.followSize();
    return sizeBytes;
  }

  /** Tells the guests if the data plane has another size than they know. */
  followSize(): void {
    // Its news come late: what it says now is never older.
    if (!this.unit.resize(this.native.info().sizeBytes)) return;
    for (const observer of this.#observers) observer.onCapacity();
  }
}

function mediumOf({ isBlockDevice, readOnly }: Image, native: NativeDisk): MediumOptions {
  const { sizeBytes, blockSize, physicalBlockSize, discard } = native.info();
  return {
    sizeBytes: sizeBytes - (sizeBytes % blockSize),
    blockSize,
    physicalBlockSize,
    readOnly,
    thinProvisioned: discard && !readOnly,
    // A hole in a file reads as zeros; what a device does with discarded blocks is its own choice.
    unmappedReadsZero: !isBlockDevice,
    compareAndWriteBlocks: readOnly ? 0 : compareAndWriteBlocks,
  };
}

/** Undefined: there is nowhere to keep reservations. */
function statePathOf(image: Image, { reservationState }: DiskSettings): string | undefined {
  if (reservationState !== undefined) return reservationState;
  // Readers share an image, and would share the file.
  if (image.isBlockDevice || image.readOnly) return undefined;
  return `${realpathSync(image.path)}.reservations`;
}

const noStore: StateStore = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.reject(new Error('reservations of this disk are kept nowhere')),
};
