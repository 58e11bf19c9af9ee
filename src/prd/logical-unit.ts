/**
 * What the daemon needs of the host: from a device node to the reservations of the logical unit
 * behind it. `host-devices.ts` has the real one.
 */
import type { ReservationCommand } from '../pr/command.js';
import type { DataGate } from '../pr/data-gate.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus } from '../pr/nexus.js';
import type { PassedDevice } from './passed-device.js';

export interface HostDevices {
  /**
   * Finds out which logical unit a node leads to; the node itself is not used.
   * @returns a refusal, one sentence, for a partition, a logical volume, a map that is not the whole
   *   logical unit (fencing rule 11) and for what has no reservations; never rejects
   */
  find(device: PassedDevice): Promise<HostDevice | { readonly refusal: string }>;
  /** Those on which this host has registered, by what is recorded over restarts; never rejects. */
  registered(): Promise<HostDevice[]>;
}

/** A logical unit that can be opened. */
export interface HostDevice {
  /** The same for every node of the logical unit: `naa.6001405...`. */
  readonly wwid: string;
  /** Fit for messages: `mpatha (naa.6001405...)`. */
  readonly name: string;
  /** `major:minor` of the device-mapper map; undefined where there is none to suspend. */
  readonly map: string | undefined;
  /**
   * Resolves when what was left unsettled before is settled and the state was read.
   * @throws Failure where that can't be done, with what to do
   */
  open(gate: DataGate, observer: ReservationObserver): Promise<OpenReservations>;
}

export interface OpenReservations {
  readonly reservations: LogicalUnitReservations;
  /** This host's, which all its users share. */
  readonly nexus: Nexus;
  readonly actions: ReadonlySet<ReservationCommand['action']>;
  /** This host has a registration, so its paths must be watched. */
  readonly registered: boolean;
  /** Resolves when nothing of it is used any more. */
  close(): Promise<void>;
}

export interface ReservationObserver {
  /** `reservations.unitAttentions(nexus)` has something now. */
  onAttention(): void;
  /** Other reservations or registrations hold now, as far as this host saw. */
  onChange(): void;
}
