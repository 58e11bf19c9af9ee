/** Disks as the logical units of a virtio-scsi controller, which follows what changes of them. */
import type {
  LogicalUnitOptions,
  NativeAddon,
  NativeFence,
  NativeScsiAttachment,
  ScsiAttachmentOptions,
} from '../native/addon.js';
import type { DiskObserver, ServedDisk } from './served-disk.js';

/** The one SCSI target of a controller. */
const target = 0;

/** A disk as one guest has it. */
export interface FencedDisk {
  lun: number;
  disk: ServedDisk;
  /** The guest's to this disk. */
  fence: NativeFence;
}

export class ScsiDevice {
  readonly native: NativeScsiAttachment;
  readonly #observed = new Map<number, { disk: ServedDisk; observer: DiskObserver }>();

  /** @throws Error with an errno if the endpoint can't be had */
  constructor(
    addon: NativeAddon,
    units: readonly FencedDisk[],
    options: Omit<ScsiAttachmentOptions, 'logicalUnits'>,
  ) {
    this.native = addon.attachScsi({ ...options, logicalUnits: units.map(logicalUnit) });
    for (const { lun, disk } of units) this.#observe(lun, disk);
  }

  /** The guest hears of it by an event. */
  add(unit: FencedDisk): void {
    this.native.addLogicalUnit(logicalUnit(unit));
    this.#observe(unit.lun, unit.disk);
  }

  /** Resolves when its last command has ended. */
  async remove(lun: number): Promise<void> {
    this.#unobserve(lun);
    await this.native.removeLogicalUnit({ target, lun });
  }

  /** The attachment has stopped. */
  close(): void {
    for (const lun of [...this.#observed.keys()]) this.#unobserve(lun);
  }

  #observe(lun: number, disk: ServedDisk): void {
    const observer: DiskObserver = {
      onSettings: (settings) => {
        this.native.configureLogicalUnit({ target, lun }, settings);
      },
      onCapacity: () => {
        this.native.capacityChanged({ target, lun });
      },
    };
    observer.onSettings(disk.unit.settings);
    disk.observe(observer);
    this.#observed.set(lun, { disk, observer });
  }

  #unobserve(lun: number): void {
    const observed = this.#observed.get(lun);
    observed?.disk.unobserve(observed.observer);
    this.#observed.delete(lun);
  }
}

function logicalUnit({ lun, disk, fence }: FencedDisk): LogicalUnitOptions {
  return { target, lun, disk: disk.native, fence, limits: disk.unit.medium.limits };
}
