import type { NativeFence } from '../native/addon.js';
import type { ReservationCommand } from '../pr/command.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus } from '../pr/nexus.js';

/** Reservations that somebody has to carry from host to host. */
export interface CarriedReservations {
  /** What was left here last; waits for it. */
  readonly left: Promise<string>;
  /** They are about to come from another host: what was left here is not what the guest goes on with. */
  expect(): void;
  /**
   * What the guest goes on with here.
   * @param left by the host before
   * @throws Error if it can't be understood
   */
  deliver(left: string): void;
}

/** The reservations of a served disk, with the fences that hold its guests to them. */
export interface DiskReservations {
  readonly unit: LogicalUnitReservations;
  /** Those that `unit` carries out; none: guests can't reserve the disk. */
  readonly actions: ReadonlySet<ReservationCommand['action']>;
  /** They bind other hosts, too: the disk is one that others can reach. */
  readonly sharedWithHosts: boolean;
  /** They go along with a guest that migrates. */
  readonly migratable: boolean;
  /** Undefined: to a host that has the disk's own lock they come without being carried. */
  readonly carried: CarriedReservations | undefined;
  /**
   * Lets a guest in, with the access that reservations leave its nexus now.
   * @param nexus that no other guest is attached with
   * @returns the gate for its data
   * @throws Failure (usage) if no further guest can be told apart from those that are there
   */
  attach(nexus: Nexus): NativeFence;
  /** To be called when nothing of the nexus is in flight any more. Its registration stays. */
  detach(nexus: Nexus): Promise<void>;
  /** The guest's connection ended or it sent I_T NEXUS RESET. */
  nexusLost(nexus: Nexus): Promise<void>;
  /** LOGICAL UNIT RESET. */
  logicalUnitReset(): Promise<void>;
  /**
   * Leaves them to the process that has the disk next, while nothing of a guest is in flight.
   * @throws if they can't be left; nothing has changed then
   */
  handOver(): Promise<void>;
  /**
   * Goes on where the process before let go of them; they may have to be carried here first.
   * @returns false if `stop` was aborted before they had come; nothing has changed then
   * @throws if that isn't possible; nothing has changed then
   */
  takeOver(stop: AbortSignal): Promise<boolean>;
  /**
   * Leaves them to the process that goes on in this one's place, while nothing of a guest is in
   * flight; nothing changes them until `keep`.
   * @returns the text of a state file with its handover
   * @throws Failure (refused) if they aren't migratable
   */
  surrender(): Promise<string>;
  /** That process doesn't go on; to be called also if `surrender` has not settled. */
  keep(): Promise<void>;
  /**
   * Goes on with what the process before surrendered; its guests are attached.
   * @throws Error if that can't be understood
   */
  inherit(surrendered: string): Promise<void>;
  /** To be called when all guests are detached. */
  close(): Promise<void>;
}

export interface DiskReservationsOptions {
  /** From a command's arrival to its answer, milliseconds. */
  timeoutMs: number;
  /** Commands of all guests that may wait for their turn. */
  depth: number;
  /** They are another process's, until `takeOver`. */
  elsewhere: boolean;
  /** Told when other reservations hold. */
  onChange: () => void;
}
