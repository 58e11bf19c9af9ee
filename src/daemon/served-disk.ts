/** A disk with its reservations: what all guests that are attached to it share. */
import { fdatasync } from 'node:fs';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { defaultSerial, deviceIdentity } from '../device/serial.js';
import { type Image, openImage, refuseClaimedDevice } from '../device/image.js';
import { awaitWriterLock, releaseWriterLock } from '../device/writer-lock.js';
import type { NativeAddon, NativeDisk, NativeFence } from '../native/addon.js';
import { usualLimits } from '../pr/coordinator.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus } from '../pr/nexus.js';
import { derivedDesignator, formatDesignator, parseDesignator } from '../scsi/designator.js';
import { defaultProduct, type Identity } from '../scsi/identity.js';
import { LogicalUnit } from '../scsi/logical-unit.js';
import type { DiskState } from '../takeover/state.js';
import { messageOf, refusal } from '../util/failure.js';
import type { MediumOptions } from '../scsi/medium.js';
import type { ModeSettings } from '../scsi/mode-pages.js';
import { DaemonDiskReservations } from './daemon-disk-reservations.js';
import { DeviceDiskReservations } from './device-disk-reservations.js';
import { openInheritedImage, openLockedImage, openNativeDisk } from './disk.js';
import type {
  CarriedReservations,
  DiskReservations,
  DiskReservationsOptions,
} from './disk-reservations.js';
import { EmulatedDiskReservations } from './emulated-disk-reservations.js';
import type { DiskSettings } from './serve-options.js';

/** Most blocks of one COMPARE AND WRITE; cluster file systems lock with one. */
const compareAndWriteBlocks = 8;

/** What the data plane of an attached guest must follow. */
export interface DiskObserver {
  onSettings(settings: ModeSettings): void;
  onCapacity(): void;
}

/** Whose a disk is when it is opened. */
export type DiskOrigin = 'here' | 'incoming' | DiskState;

interface Parts {
  image: Image;
  ours: boolean;
  log: Logger;
  native: NativeDisk;
  identity: Identity;
  reservations: DiskReservations;
  /** Told of a command that throws. */
  onFault: (error: unknown) => void;
}

export class ServedDisk {
  readonly path: string;
  readonly native: NativeDisk;
  readonly unit: LogicalUnit;
  /** `change`: other reservations hold now. */
  readonly reservationsChanged = new EventTarget();
  readonly #image: Image;
  readonly #reservations: DiskReservations;
  readonly #log: Logger;
  readonly #observers = new Set<DiskObserver>();
  #ours: boolean;

  private constructor({ image, ours, log, native, identity, reservations, onFault }: Parts) {
    this.path = image.path;
    this.#image = image;
    this.#ours = ours;
    this.#log = log;
    this.native = native;
    this.#reservations = reservations;
    this.unit = new LogicalUnit({
      identity,
      medium: mediumOf(image, native, reservations.sharedWithHosts),
      reservations: reservations.unit,
      reservationActions: reservations.actions,
      onSettings: (settings) => {
        for (const observer of this.#observers) observer.onSettings(settings);
      },
      onFault,
    });
  }

  /**
   * @param origin `incoming`: it is another process's, until `takeOver`; a state: that of the process
   *   before, and this one goes on with it after `inherit`
   * @returns undefined if `stop` was aborted while waiting for the image
   * @throws Failure (image, imageInUse) with what to do
   */
  static async open(
    addon: NativeAddon,
    settings: DiskSettings,
    origin: DiskOrigin,
    log: Logger,
    stop: AbortSignal,
  ): Promise<ServedDisk | undefined> {
    const image = await openImageOf(settings, origin, log, stop);
    if (image === undefined) return undefined;

    const before = typeof origin === 'object' ? origin : undefined;
    const serial = settings.serial ?? before?.serial ?? defaultSerial(image);
    // Filled below, before anything can happen to the disk.
    const served: { disk?: ServedDisk } = {};
    const native = openNativeDisk(addon, image, serial, settings, (sizeBytes) => {
      log.info({ image: image.path, sizeBytes }, 'the disk has a new size');
      served.disk?.followSize();
    });
    const designator =
      settings.designator ??
      parseDesignator(before?.designator ?? '') ??
      parseDesignator(deviceIdentity(image) ?? '') ??
      derivedDesignator(serial);
    const options = {
      ...usualLimits,
      elsewhere: origin !== 'here',
      onChange: () => {
        served.disk?.reservationsChanged.dispatchEvent(new Event('change'));
      },
    };
    const reservations = await openReservations(addon, image, settings, options, log);
    const identity = { ...defaultProduct, serial, designator };
    const onFault = (error: unknown) => {
      log.error({ err: error, image: image.path }, 'a command failed: this is a bug');
    };
    const ours = origin !== 'incoming';
    served.disk = new ServedDisk({ image, ours, log, native, identity, reservations, onFault });
    return served.disk;
  }

  get reservations(): LogicalUnitReservations {
    return this.#reservations.unit;
  }

  /** Whether a guest that has it can migrate. */
  get migratable(): boolean {
    return this.#reservations.migratable;
  }

  /** What has to be carried to the host that a guest migrates to. */
  get carried(): CarriedReservations | undefined {
    return this.#reservations.carried;
  }

  /** Whether guests can reserve it. */
  get hasReservations(): boolean {
    return this.unit.reservationActions.size > 0;
  }

  /**
   * Lets a guest in, with the access that reservations leave its nexus now.
   * @param nexus that no other guest is attached with
   * @returns the gate for its data
   * @throws Failure (usage) if no further guest can be told apart from those that are there
   */
  attach(nexus: Nexus): NativeFence {
    return this.#reservations.attach(nexus);
  }

  /** To be called when nothing of the nexus is in flight any more. Its registration stays. */
  detach(nexus: Nexus): Promise<void> {
    return this.#reservations.detach(nexus);
  }

  /** Whether this process has the writer lock, and the reservations that follow it. */
  get ours(): boolean {
    return this.#ours;
  }

  /**
   * Waits for the writer lock and goes on where the process that had it let go; nothing to do if the
   * disk is ours. It isn't when this returns only if `stop` was aborted.
   * @throws Failure or Error for what stands against it; the lock is free then
   */
  async takeOver(stop: AbortSignal): Promise<void> {
    if (this.#ours || !(await awaitWriterLock(this.#image, this.#log, stop))) return;
    try {
      refuseClaimedDevice(this.#image);
      if (!(await this.#reservations.takeOver(stop))) {
        releaseWriterLock(this.#image);
        return;
      }
      this.refreshSize();
    } catch (error) {
      releaseWriterLock(this.#image);
      throw error;
    }
    this.#ours = true;
  }

  /**
   * Leaves the disk to another process, if it is ours. Nothing of any guest may be in flight, nor
   * begin before `takeOver`.
   * @throws if what was written can't be made durable, or the reservations can't be left; the disk
   *   is still ours then
   */
  async handOver(): Promise<void> {
    if (!this.#ours) return;
    if (!this.#image.readOnly) await promisify(fdatasync)(this.#image.fd);
    await this.#reservations.handOver();
    this.#ours = false;
    releaseWriterLock(this.#image);
  }

  /**
   * What the process needs that goes on in this one's place; nothing of any guest may be in flight.
   * Until `keep` nothing changes here.
   * @throws Failure (refused) if it isn't migratable
   */
  async surrender(lun: number): Promise<DiskState> {
    const { serial, designator } = this.unit.identity;
    return {
      lun,
      path: this.path,
      image: this.#image.fd,
      readOnly: this.#image.readOnly,
      serial,
      designator: formatDesignator(designator),
      blockSize: this.native.info().blockSize,
      ...this.unit.settings,
      reservations: await this.#reservations.surrender(),
    };
  }

  /** That process doesn't go on. */
  keep(): Promise<void> {
    return this.#reservations.keep();
  }

  /**
   * Goes on with what the process before surrendered; its guests are attached.
   * @throws Failure (refused) if that can't be understood
   */
  async inherit({ reservations, descriptorSense, softwareWriteProtect }: DiskState): Promise<void> {
    try {
      await this.#reservations.inherit(reservations);
    } catch (error) {
      throw refusal(`what was handed over of ${this.path} ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.unit.continueWith({ descriptorSense, softwareWriteProtect });
  }

  /** To be called when all guests are detached. */
  async close(): Promise<void> {
    await this.#reservations.close();
    this.native.close();
  }

  observe(observer: DiskObserver): void {
    this.#observers.add(observer);
  }

  unobserve(observer: DiskObserver): void {
    this.#observers.delete(observer);
  }

  /** The guest's connection ended or it sent I_T NEXUS RESET. */
  async nexusLost(nexus: Nexus): Promise<void> {
    // At once: the next front end's first commands are to meet it.
    this.unit.nexusLost(nexus);
    await this.#reservations.nexusLost(nexus);
  }

  /** LOGICAL UNIT RESET. */
  async reset(): Promise<void> {
    await this.#reservations.logicalUnitReset();
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

function openImageOf(
  settings: DiskSettings,
  origin: DiskOrigin,
  log: Logger,
  stop: AbortSignal,
): Image | undefined | Promise<Image | undefined> {
  if (origin === 'here') return openLockedImage(settings, log, stop);
  // Its lock is another process's, and is taken when the guest runs here.
  if (origin === 'incoming') return openImage(settings.blkFile, settings.readOnly);
  return openInheritedImage(settings, origin.image);
}

function mediumOf(
  { isBlockDevice, readOnly }: Image,
  native: NativeDisk,
  sharedWithHosts: boolean,
): MediumOptions {
  const { sizeBytes, blockSize, physicalBlockSize, discard } = native.info();
  return {
    sizeBytes: sizeBytes - (sizeBytes % blockSize),
    blockSize,
    physicalBlockSize,
    readOnly,
    thinProvisioned: discard && !readOnly,
    // A hole in a file reads as zeros; what a device does with discarded blocks is its own choice.
    unmappedReadsZero: !isBlockDevice,
    // Run here it is no atomic step for other hosts (fencing rule 15).
    compareAndWriteBlocks: readOnly || sharedWithHosts ? 0 : compareAndWriteBlocks,
  };
}

function openReservations(
  addon: NativeAddon,
  image: Image,
  { reservations }: DiskSettings,
  options: DiskReservationsOptions,
  log: Logger,
): Promise<DiskReservations> {
  switch (reservations.by) {
    case 'emulated':
      return EmulatedDiskReservations.open(addon, image, reservations, options, log);
    case 'device':
      return DeviceDiskReservations.open(addon, image, reservations, options, log);
    case 'prd':
      return DaemonDiskReservations.open(addon, image, reservations, options, log);
  }
}
