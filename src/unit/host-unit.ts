/** A logical unit of a real device with its reservations, as one guest of this host has it. */
import type { Logger } from 'pino';
import { type LogicalUnitLock, takeLogicalUnitLock } from '../device/logical-unit-lock.js';
import { DeviceReservations } from '../fan-out/device-reservations.js';
import { FileJournal } from '../fan-out/file-journal.js';
import { DeviceEvents } from '../multipath/device-events.js';
import type { HostPaths } from '../multipath/host-paths.js';
import { findLogicalUnit, type UnitDevice, unitName } from '../multipath/logical-unit.js';
import { Multipathd } from '../multipath/multipathd.js';
import { MultipathdClient } from '../multipath/multipathd-client.js';
import { relateToMultipathd } from '../multipath/multipathd-relation.js';
import { type OpenHostPaths, openHostPaths } from '../multipath/open-host-paths.js';
import { Sysfs } from '../multipath/sysfs.js';
import type { NativeAddon } from '../native/addon.js';
import type { DataGate } from '../pr/data-gate.js';
import type { Nexus } from '../pr/nexus.js';
import type { TransportKind } from '../transports/open-transport.js';
import { ExitCode, Failure } from '../util/failure.js';

export interface HostUnitOptions {
  /** The host's paths appear to the guest as this. */
  readonly guest: Nexus;
  /** What holds the guest's data. */
  readonly gate: DataGate;
  /** Folder of the journals, one file for each logical unit. */
  readonly journalFolder: string;
  /** Undefined: the best that this process may use. */
  readonly transport: TransportKind | undefined;
  /** For arrays that can't take two REGISTERs at once. */
  readonly sequential: boolean;
  /** From a command's arrival to its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Commands that may wait for their turn. */
  readonly depth: number;
  /** Told whether the guest is owed a unit attention. */
  readonly onAttention: (pending: boolean) => void;
  readonly log: Logger;
}

export class HostUnit {
  readonly device: UnitDevice;
  readonly reservations: DeviceReservations;
  readonly #paths: OpenHostPaths;
  readonly #lock: LogicalUnitLock;

  private constructor(
    device: UnitDevice,
    reservations: DeviceReservations,
    paths: OpenHostPaths,
    lock: LogicalUnitLock,
  ) {
    this.device = device;
    this.reservations = reservations;
    this.#paths = paths;
    this.#lock = lock;
  }

  /**
   * The lock comes first: a second user of the logical unit on this host must not even look, since
   * what it repairs the first one has just undone.
   * @param path of the device: a map, a disk, a namespace, or a link to one
   * @throws Failure (image) if it can't have reservations or no path can carry them, (imageInUse) if
   *   another process of this host has them, (refused) if multipathd stands against it
   */
  static async open(addon: NativeAddon, path: string, options: HostUnitOptions): Promise<HostUnit> {
    const device = findLogicalUnit(new Sysfs(), path);
    const lock = takeLogicalUnitLock(device.wwid);
    let paths: OpenHostPaths | undefined;
    try {
      const multipathd = new Multipathd();
      await relateToMultipathd(device, {
        multipathd,
        client: new MultipathdClient(),
        isRoot: false,
      });
      paths = await openHostPaths({
        addon,
        device,
        transport: options.transport === undefined ? {} : { kind: options.transport },
        events: new DeviceEvents(),
        report: (message) => {
          options.log.info({ unit: unitName(device) }, message);
        },
      });
      refuseWithoutPaths(paths.paths);
      const reservations = await openReservations(device, paths.paths, options);
      return new HostUnit(device, reservations, paths, lock);
    } catch (error) {
      await paths?.close();
      lock.release();
      throw error;
    }
  }

  /** Resolves when nothing of it is used any more. The registrations stay. */
  async close(): Promise<void> {
    this.reservations.close();
    await this.#paths.close();
    this.#lock.release();
  }
}

/** Without any, nothing of the device is known, not even what its transport could carry. */
function refuseWithoutPaths(paths: HostPaths): void {
  if (paths.paths().some(({ state }) => state !== 'down')) return;
  const reasons = paths.conditions().map(({ name, reason }) => `${name}: ${reason ?? 'down'}`);
  throw new Failure(
    ExitCode.image,
    `no path of ${paths.name} can carry reservation commands (${reasons.join('; ')}): see holdfast doctor`,
  );
}

function openReservations(
  device: UnitDevice,
  source: HostPaths,
  options: HostUnitOptions,
): Promise<DeviceReservations> {
  const { journalFolder, log } = options;
  const unit = unitName(device);
  return DeviceReservations.open({
    ...options,
    source,
    journal: new FileJournal(journalFolder, device.wwid),
    log: (text) => {
      log.warn({ unit }, text);
    },
    onFault: (error) => {
      log.error({ err: error, unit }, 'a reservation command failed: this is a bug');
    },
    onStoreFailure: (error) => {
      log.error({ err: error, unit }, `the journal in ${journalFolder} could not be written`);
    },
  });
}
