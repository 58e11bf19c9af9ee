/** A logical unit of a real device with its reservations, as one guest of this host has it. */
import type { Logger } from 'pino';
import { type LogicalUnitLock, takeLogicalUnitLock } from '../device/logical-unit-lock.js';
import { DeviceReservations } from '../fan-out/device-reservations.js';
import { FileJournal } from '../fan-out/file-journal.js';
import type { JournalEntry } from '../fan-out/journal.js';
import { DeviceEvents } from '../multipath/device-events.js';
import type { HostPaths } from '../multipath/host-paths.js';
import { findLogicalUnit, type UnitDevice, unitName } from '../multipath/logical-unit.js';
import { Multipathd } from '../multipath/multipathd.js';
import { MultipathdClient } from '../multipath/multipathd-client.js';
import { type MultipathdRelation, relateToMultipathd } from '../multipath/multipathd-relation.js';
import { type OpenHostPaths, openHostPaths } from '../multipath/open-host-paths.js';
import { Sysfs } from '../multipath/sysfs.js';
import type { NativeAddon } from '../native/addon.js';
import type { DataGate } from '../pr/data-gate.js';
import type { Nexus } from '../pr/nexus.js';
import type { UnitAttentions } from '../pr/unit-attention.js';
import type { TransportKind } from '../transports/open-transport.js';
import { ExitCode, Failure } from '../util/failure.js';
import { JoinedJournal } from './joined-journal.js';
import { NotifyingJournal } from './notifying-journal.js';
import { WatchedJournal } from './watched-journal.js';

/** Of all logical units of this process: an inotify instance each would soon use up a user's. */
const deviceEvents = new DeviceEvents();

export interface HostUnitOptions {
  /** The host's paths appear to the guest as this. */
  readonly guest: Nexus;
  /** What holds the guest's data. */
  readonly gate: DataGate;
  /** Folder of the journals, one file for each logical unit. */
  readonly journalFolder: string;
  /** Undefined: the best that this process may use. */
  readonly transport?: TransportKind | undefined;
  /** For arrays that can't take two REGISTERs at once. */
  readonly sequential?: boolean;
  /** From a command's arrival to its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Commands that may wait for their turn. */
  readonly depth: number;
  /** Of the guest. */
  readonly unitAttentions: UnitAttentions;
  /** What another process has left of the guest's registrations, which go on here. */
  readonly left?: JournalEntry | undefined;
  /** Told of other reservations or registrations, as far as this host saw. */
  readonly onChange: () => void;
  readonly log: Logger;
}

export class HostUnit {
  readonly device: UnitDevice;
  readonly reservations: DeviceReservations;
  readonly #journal: WatchedJournal;
  readonly #paths: OpenHostPaths;
  readonly #lock: LogicalUnitLock;

  private constructor(
    device: UnitDevice,
    reservations: DeviceReservations,
    journal: WatchedJournal,
    paths: OpenHostPaths,
    lock: LogicalUnitLock,
  ) {
    this.device = device;
    this.reservations = reservations;
    this.#journal = journal;
    this.#paths = paths;
    this.#lock = lock;
  }

  /**
   * @param path a map, a disk, a namespace, or a link to one
   * @throws Failure (image) if it can't have reservations, with the reason
   */
  static find(path: string): UnitDevice {
    return findLogicalUnit(new Sysfs(), path);
  }

  /**
   * The lock comes first: a second user of the logical unit on this host must not even look, since
   * what it would repair the first one has just undone.
   * @throws Failure (image) if no path can carry commands or nothing can be recorded, (imageInUse) if another process of this
   *   host has the reservations, (refused) if multipathd stands against it
   */
  static async open(
    addon: NativeAddon,
    device: UnitDevice,
    options: HostUnitOptions,
  ): Promise<HostUnit> {
    const lock = takeLogicalUnitLock(device.wwid);
    let paths: OpenHostPaths | undefined;
    try {
      const relation = await comeToTerms(device);
      paths = await openHostPaths({
        addon,
        device,
        transport: options.transport === undefined ? {} : { kind: options.transport },
        events: deviceEvents,
        report: (message) => {
          options.log.info({ unit: unitName(device) }, message);
        },
      });
      refuseWithoutPaths(paths.paths);
      const file = new FileJournal(options.journalFolder, device.wwid);
      await file.prepare();
      const own = options.left === undefined ? file : new JoinedJournal(file, options.left);
      const journal = new WatchedJournal(
        new NotifyingJournal(own, relation.notices, paths.paths),
        options.onChange,
      );
      const reservations = await openReservations(
        { device, source: paths.paths, journal, relation },
        options,
      );
      return new HostUnit(device, reservations, journal, paths, lock);
    } catch (error) {
      await paths?.close();
      lock.release();
      throw error;
    }
  }

  /** This host means to be registered, or may be, so its paths must be watched. */
  get registered(): boolean {
    return this.#journal.registered;
  }

  /**
   * Leaves the guest's registrations to another process, and closes this; nothing of the guest's data
   * may be in flight.
   * @throws Error if that can't be now, and nothing has changed
   */
  async leave(): Promise<JournalEntry> {
    const left = await this.reservations.leave();
    await this.close();
    return left;
  }

  /** Resolves when nothing of it is used any more. The registrations stay. */
  async close(): Promise<void> {
    this.reservations.close();
    await this.#paths.close();
    this.#lock.release();
  }
}

function comeToTerms(device: UnitDevice): Promise<MultipathdRelation> {
  const client = new MultipathdClient();
  const multipathd = new Multipathd(client);
  return relateToMultipathd(device, { multipathd, client, isRoot: process.geteuid?.() === 0 });
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

interface UnitParts {
  readonly device: UnitDevice;
  readonly source: HostPaths;
  readonly journal: WatchedJournal;
  readonly relation: MultipathdRelation;
}

function openReservations(
  { device, source, journal, relation }: UnitParts,
  {
    guest,
    gate,
    timeoutMs,
    depth,
    sequential,
    unitAttentions,
    journalFolder,
    log,
  }: HostUnitOptions,
): Promise<DeviceReservations> {
  const unit = unitName(device);
  return DeviceReservations.open({
    guest,
    source,
    gate,
    journal,
    timeoutMs,
    depth,
    sequential: sequential ?? false,
    obstacle: relation.obstacle,
    unitAttentions,
    log: (text) => {
      log.warn({ unit }, text);
    },
    onFault: (error) => {
      log.error({ err: error, unit }, 'a reservation command failed: this is a bug');
    },
    onStoreFailure: (error) => {
      log.error({ err: error, unit }, `nothing can be recorded in ${journalFolder}`);
    },
  });
}
