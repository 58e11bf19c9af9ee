/** The logical units of this host, with the fan-out over all of their paths behind each. */
import { readdir, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { FileJournal } from '../fan-out/file-journal.js';
import { deviceActions } from '../fan-out/refusals.js';
import { logicalUnitOf, unitName, type UnitDevice } from '../multipath/logical-unit.js';
import { Sysfs } from '../multipath/sysfs.js';
import type { NativeAddon } from '../native/addon.js';
import { usualLimits } from '../pr/coordinator.js';
import type { DataGate } from '../pr/data-gate.js';
import { guestNexus, type Nexus } from '../pr/nexus.js';
import { UnitAttentions } from '../pr/unit-attention.js';
import { HostUnit } from '../unit/host-unit.js';
import { messageOf } from '../util/failure.js';
import type {
  HostDevice,
  HostDevices,
  OpenReservations,
  ReservationObserver,
} from './logical-unit.js';
import type { PassedDevice } from './passed-device.js';

const journalSuffix = '.journal';

export interface HostDevicesOptions {
  readonly addon: NativeAddon;
  /** Where journals are kept over restarts. */
  readonly stateDirectory: string;
  readonly log: Logger;
}

export class KernelDevices implements HostDevices {
  readonly #options: HostDevicesOptions;
  readonly #sysfs = new Sysfs();
  readonly #nexus: Nexus;

  /** @param nexus under which this host's paths appear */
  constructor(options: HostDevicesOptions, nexus: Nexus) {
    this.#options = options;
    this.#nexus = nexus;
  }

  find(device: PassedDevice): Promise<HostDevice | { readonly refusal: string }> {
    const number = device.kind === 'sg' ? this.#diskOfSg(device.number) : device.number;
    if (number === undefined) {
      return Promise.resolve({ refusal: `sg node ${device.number} has no disk` });
    }
    try {
      const unit = logicalUnitOf(this.#sysfs, number, `device ${device.number}`);
      return Promise.resolve(this.#hostDevice(unit));
    } catch (error) {
      return Promise.resolve({ refusal: messageOf(error) });
    }
  }

  async registered(): Promise<HostDevice[]> {
    const wwids = await this.#registeredWwids();
    if (wwids.size === 0) return [];
    const units = new Map<string, UnitDevice>();
    for (const name of this.#sysfs.names('block')) {
      const number = this.#sysfs.text(`block/${name}/dev`);
      if (number === undefined) continue;
      const unit = unitOrNone(() => logicalUnitOf(this.#sysfs, number, name));
      if (unit === undefined || !wwids.has(unit.wwid)) continue;
      // A disk that leads there beside the map is not what was registered through.
      if (!units.has(unit.wwid) || unit.map !== undefined) units.set(unit.wwid, unit);
    }
    for (const wwid of wwids) {
      if (units.has(wwid)) continue;
      this.#options.log.warn(
        `${wwid} is registered, and has no path now: it is watched from its first use on`,
      );
    }
    return [...units.values()].map((unit) => this.#hostDevice(unit));
  }

  #hostDevice(device: UnitDevice): HostDevice {
    return {
      wwid: device.wwid,
      name: unitName(device),
      map: device.map === undefined ? undefined : this.#sysfs.text(`block/${device.name}/dev`),
      open: (gate, observer) => this.#open(device, gate, observer),
    };
  }

  async #open(
    device: UnitDevice,
    gate: DataGate,
    observer: ReservationObserver,
  ): Promise<OpenReservations> {
    const { addon, stateDirectory, log } = this.#options;
    const unit = await HostUnit.open(addon, device, {
      guest: this.#nexus,
      gate,
      journalFolder: stateDirectory,
      ...usualLimits,
      unitAttentions: new UnitAttentions((pending) => {
        if (pending) observer.onAttention();
      }),
      onChange: () => {
        observer.onChange();
      },
      log,
    });
    return {
      reservations: unit.reservations,
      nexus: this.#nexus,
      actions: deviceActions,
      get registered() {
        return unit.registered;
      },
      close: () => unit.close(),
    };
  }

  /** `major:minor` of the disk behind a SCSI generic node. */
  #diskOfSg(number: string): string | undefined {
    const folder = `dev/char/${number}/device/block`;
    const [disk] = this.#sysfs.names(folder);
    return disk === undefined ? undefined : this.#sysfs.text(`${folder}/${disk}/dev`);
  }

  async #registeredWwids(): Promise<Set<string>> {
    const { stateDirectory, log } = this.#options;
    const files = await readdir(stateDirectory).catch(() => []);
    const wwids = new Set<string>();
    for (const file of files.filter((name) => name.endsWith(journalSuffix))) {
      const wwid = file.slice(0, -journalSuffix.length);
      try {
        const entry = await new FileJournal(stateDirectory, wwid).load();
        if (entry?.intent !== undefined || entry?.pending !== undefined) wwids.add(wwid);
      } catch (error) {
        log.error(messageOf(error));
      }
    }
    return wwids;
  }
}

function unitOrNone(find: () => UnitDevice): UnitDevice | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

/** A name for this host as an initiator that stays the same over restarts. */
export async function hostNexus(): Promise<Nexus> {
  const machine = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  // machine-id(5): not to be shown to others as it is.
  const digest = createHash('sha256').update(`holdfast prd ${machine.trim()}`).digest('hex');
  return guestNexus(`iqn.2026-11.holdfast:host-${digest.slice(0, 16)}`);
}
