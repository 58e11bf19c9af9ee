import type { Logger } from 'pino';
import { Failure, messageOf } from '../util/failure.js';
import type { HostDevice, HostDevices } from './logical-unit.js';
import type { MapSuspender } from './map-suspender.js';
import type { PassedDevice } from './passed-device.js';
import { SharedUnit } from './shared-unit.js';
import { UnitGate } from './unit-gate.js';

const unitsMax = 1024;

/** One user's hold on a logical unit, which stays open as long as somebody holds it. */
export interface UnitHold {
  readonly unit: SharedUnit;
  /** To be called once. */
  release(): void;
}

/** Why there is no logical unit to be had, one sentence. */
export interface UnitRefusal {
  readonly refusal: string;
  /** It has nothing to do with the state of paths: the same node will never do. */
  readonly lasting: boolean;
}

interface Entry {
  readonly name: string;
  readonly unit: Promise<SharedUnit>;
  holds: number;
}

/**
 * The logical units in use, each open once however it was reached. One on which this host is
 * registered stays open without users: its paths come and go, and must get the key back.
 */
export class LogicalUnits {
  readonly #devices: HostDevices;
  readonly #suspender: MapSuspender | undefined;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry>();
  /** By WWID: two cores on one logical unit would undo each other's work. */
  readonly #closing = new Map<string, Promise<void>>();

  /** @param suspender undefined: maps are never suspended */
  constructor(devices: HostDevices, suspender: MapSuspender | undefined, log: Logger) {
    this.#devices = devices;
    this.#suspender = suspender;
    this.#log = log;
  }

  /** Begins to open those that must be watched although nobody has asked for them yet. */
  async openRegistered(): Promise<void> {
    for (const device of await this.#devices.registered()) {
      void this.#hold(device).then((opened) => {
        if ('refusal' in opened) this.#log.error(`${device.name}: ${opened.refusal}`);
        else opened.release();
      });
    }
  }

  /** Never rejects. */
  async open(device: PassedDevice): Promise<UnitHold | UnitRefusal> {
    const found = await this.#devices.find(device);
    return 'refusal' in found ? { ...found, lasting: true } : this.#hold(found);
  }

  /** Resolves when all of them are closed. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    const closed = entries.map(({ unit }) => unit.then((open) => open.close()));
    await Promise.allSettled([...closed, ...this.#closing.values()]);
  }

  async #hold(device: HostDevice): Promise<UnitHold | UnitRefusal> {
    let entry = this.#entries.get(device.wwid);
    if (entry === undefined) {
      if (this.#entries.size >= unitsMax) {
        return { refusal: `${unitsMax} logical units are in use already`, lasting: false };
      }
      entry = { name: device.name, unit: this.#openUnit(device), holds: 0 };
      this.#entries.set(device.wwid, entry);
    }
    if (entry.name !== device.name) {
      // Two ways that are not one map: each would be a registrant without the other's paths.
      const refusal = `${device.name} is the same logical unit as ${entry.name}, which is in use`;
      return { refusal, lasting: false };
    }
    const held = entry;
    held.holds++;
    try {
      const unit = await held.unit;
      return {
        unit,
        release: () => {
          held.holds--;
          this.#closeUnused(held, unit);
        },
      };
    } catch (error) {
      if (this.#entries.get(device.wwid) === held) this.#entries.delete(device.wwid);
      if (!(error instanceof Failure)) this.#log.error({ err: error }, `${device.name}: a bug`);
      return { refusal: messageOf(error), lasting: false };
    }
  }

  async #openUnit(device: HostDevice): Promise<SharedUnit> {
    await this.#closing.get(device.wwid);
    const { map } = device;
    const gate = new UnitGate(map === undefined ? undefined : this.#suspender?.dataPath(map));
    const unit = await SharedUnit.open(device, gate);
    unit.events.addEventListener('change', () => {
      const entry = this.#entries.get(device.wwid);
      if (entry !== undefined) this.#closeUnused(entry, unit);
    });
    return unit;
  }

  #closeUnused(entry: Entry, unit: SharedUnit): void {
    const { wwid, name, registered } = unit;
    if (entry.holds > 0 || registered || this.#entries.get(wwid) !== entry) return;
    this.#entries.delete(wwid);
    const closed = unit.close().catch((error: unknown) => {
      this.#log.error({ err: error }, `${name} could not be closed: this is a bug`);
    });
    this.#closing.set(wwid, closed);
    void closed.then(() => {
      if (this.#closing.get(wwid) === closed) this.#closing.delete(wwid);
    });
  }
}
