/** Disks as the logical units of a virtio-scsi controller, which follows what changes of them. */
import type {
  NativeAddon,
  NativeFence,
  NativeScsiAttachment,
  ScsiAttachmentOptions,
} from '../native/addon.js';
import type { DiskObserver, ServedDisk } from './served-disk.js';

/** The one SCSI target of a controller. */
const target = 0;

export class ScsiDevice {
  readonly native: NativeScsiAttachment;
  readonly #observed: readonly { disk: ServedDisk; observer: DiskObserver }[];

  /**
   * @param disks LUN n is the nth
   * @param fences the guest's to each of them
   * @throws Error with an errno if the endpoint can't be had
   */
  constructor(
    addon: NativeAddon,
    disks: readonly ServedDisk[],
    fences: readonly NativeFence[],
    options: Omit<ScsiAttachmentOptions, 'logicalUnits'>,
  ) {
    const logicalUnits = fences.flatMap((fence, lun) => {
      const disk = disks[lun];
      if (disk === undefined) return [];
      return [{ target, lun, disk: disk.native, fence, limits: disk.unit.medium.limits }];
    });
    const native = addon.attachScsi({ ...options, logicalUnits });
    this.native = native;
    this.#observed = disks.map((disk, lun) => ({
      disk,
      observer: {
        onSettings: (settings) => {
          native.configureLogicalUnit({ target, lun }, settings);
        },
        onCapacity: () => {
          native.capacityChanged({ target, lun });
        },
      },
    }));
    for (const { disk, observer } of this.#observed) {
      observer.onSettings(disk.unit.settings);
      disk.observe(observer);
    }
  }

  /** The attachment has stopped. */
  close(): void {
    for (const { disk, observer } of this.#observed) disk.unobserve(observer);
  }
}
