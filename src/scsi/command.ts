/** What a command of the disk is, to whoever dispatches, reports or tests it. */
import type { CommandAccess } from '../pr/access.js';
import type { ReservationCommand } from '../pr/command.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus } from '../pr/nexus.js';
import type { Cdb } from './cdb.js';
import type { CommandOutcome, Decoded } from './command-outcome.js';
import type { Identity } from './identity.js';
import type { Medium } from './medium.js';
import type { ModeSettings } from './mode-pages.js';
import type { ModeForm } from './mode-parameters.js';

interface CommandShape {
  /** As SPC-4 and SBC-3 write it: `READ(10)`. */
  readonly name: string;
  readonly opcode: number;
  /** undefined: the operation code has none. */
  readonly serviceAction: number | undefined;
  /**
   * CDB USAGE DATA (SPC-4 §6.35.3), as long as the CDB: the operation code, then the bits that are
   * looked at, with the service action in its place.
   */
  readonly usage: Buffer;
  /** Runs in spite of a pending unit attention, and leaves it pending (SAM-5 §5.14.1). */
  readonly ignoresUnitAttention: boolean;
  readonly offeredBy: (unit: CommandTarget) => boolean;
  /** Of one that may not be run twice: the answer to one that was left over, unless it can be run. */
  readonly ifLeftOver?: (context: CommandContext) => CommandOutcome | undefined;
}

/** Moves data between guest and medium: the data plane runs it. */
export interface NativeCommand extends CommandShape {
  readonly run: 'natively';
  readonly access: 'reads' | 'writes';
}

export interface LocalCommand extends CommandShape {
  readonly run: CommandHandler;
  /** What it needs of the disk, for reservations. */
  readonly access: CommandAccess | ((cdb: Cdb) => CommandAccess);
}

export type CommandDefinition = NativeCommand | LocalCommand;

export function accessOf({ access }: CommandDefinition, cdb: Cdb): CommandAccess {
  return typeof access === 'function' ? access(cdb) : access;
}

/** The commands that one logical unit offers. */
export interface OfferedCommands extends Iterable<CommandDefinition> {
  /** @returns refusal 5/20/00 for the operation code, 5/24/00 for its service action */
  find(cdb: Cdb): Decoded<CommandDefinition>;
  /** Several for an operation code that has service actions. */
  withOpcode(opcode: number): CommandDefinition[];
}

/** The logical unit, as its commands see it. */
export interface CommandTarget {
  readonly identity: Identity;
  readonly medium: Medium;
  readonly settings: ModeSettings;
  readonly commands: OfferedCommands;
  readonly reservations: LogicalUnitReservations;
  readonly reservationActions: ReadonlySet<ReservationCommand['action']>;
  modeSelect(nexus: Nexus, cdb: Cdb, form: ModeForm, dataOut: Buffer): CommandOutcome;
}

/** One command on its way, after the checks that come before its CDB is looked at. */
export interface CommandContext {
  readonly unit: CommandTarget;
  readonly nexus: Nexus;
  readonly cdb: Cdb;
  readonly dataOut: Buffer;
  readonly luns: readonly number[];
  /** The process before may have carried it out. */
  readonly leftOver: boolean;
}

export type CommandHandler = (context: CommandContext) => CommandOutcome | Promise<CommandOutcome>;
