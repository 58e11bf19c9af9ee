/** A SCSI disk: everything of it but the data, which the data plane moves. */
import type { ReservationCommand } from '../pr/command.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus, NexusId } from '../pr/nexus.js';
import { internalTargetFailure, type Sense } from '../pr/sense.js';
import { Cdb } from './cdb.js';
import { accessOf, type CommandContext, type CommandTarget } from './command.js';
import {
  checkCondition,
  type CommandOutcome,
  good,
  reservationConflict,
} from './command-outcome.js';
import { CommandSet } from './command-set.js';
import { commandTable } from './command-table.js';
import type { Identity } from './identity.js';
import { Medium, type MediumOptions } from './medium.js';
import { defaultModeSettings, type ModeSettings } from './mode-pages.js';
import { decodeModeSelect, type ModeForm } from './mode-parameters.js';
import { respond, type ScsiResponse } from './response.js';
import {
  capacityDataHasChanged,
  invalidCdbField,
  logicalUnitWasReset,
  modeParametersChanged,
  nexusLossOccurred,
  powerOnOrReset,
} from './sense.js';

export interface LogicalUnitOptions {
  readonly identity: Identity;
  readonly medium: MediumOptions;
  readonly reservations: LogicalUnitReservations;
  /** Those that `reservations` carries out; the others do not exist for an initiator. */
  readonly reservationActions: ReadonlySet<ReservationCommand['action']>;
  /** Told when MODE SELECT or a reset changed them: the data plane follows them, too. */
  readonly onSettings: (settings: ModeSettings) => void;
  /** Told of what must never happen: a command that throws. */
  readonly onFault: (error: unknown) => void;
}

/** A command as it comes out of a request, copied from guest memory once. */
export interface ScsiRequest {
  /** Missing bytes read as zeros, those beyond 32 are ignored. */
  readonly cdb: Uint8Array;
  /** What the initiator sent, at most 8 KiB; empty if it sent nothing. */
  readonly dataOut: Buffer;
  /** The LUNs of the target it came to, ascending. */
  readonly luns: readonly number[];
  /** The process before may have carried it out, and the initiator has no answer to it yet. */
  readonly leftOver?: boolean;
}

/**
 * `natively`: the data plane is to run the command, one of `nativeService`, through its access
 * fence; no unit attention and no conflict stands against it now, and NACA is not set.
 */
export type ScsiAnswer = ScsiResponse | 'natively';

export class LogicalUnit implements CommandTarget {
  readonly identity: Identity;
  readonly medium: Medium;
  readonly reservations: LogicalUnitReservations;
  readonly reservationActions: LogicalUnitOptions['reservationActions'];
  readonly commands: CommandSet;
  readonly #onSettings: LogicalUnitOptions['onSettings'];
  readonly #onFault: LogicalUnitOptions['onFault'];
  readonly #nexuses = new Map<NexusId, Nexus>();
  #settings = defaultModeSettings;

  constructor(options: LogicalUnitOptions) {
    this.identity = options.identity;
    this.medium = new Medium(options.medium);
    this.reservations = options.reservations;
    this.reservationActions = options.reservationActions;
    this.#onSettings = options.onSettings;
    this.#onFault = options.onFault;
    this.commands = new CommandSet(commandTable.filter(({ offeredBy }) => offeredBy(this)));
  }

  get settings(): ModeSettings {
    return this.#settings;
  }

  /**
   * Never rejects; answers in the sense format that initiators chose by D_SENSE.
   * @param nexus attached
   */
  async execute(nexus: Nexus, request: ScsiRequest): Promise<ScsiAnswer> {
    const { dataOut, luns, leftOver = false } = request;
    const cdb = new Cdb(request.cdb);
    const outcome = await this.#outcomeOf({ unit: this, nexus, cdb, dataOut, luns, leftOver });
    if (outcome === 'natively') return outcome;
    return respond(outcome, this.#settings.descriptorSense ? 'descriptor' : 'fixed');
  }

  async #outcomeOf(context: CommandContext): Promise<CommandOutcome | 'natively'> {
    try {
      return await this.#dispatch(context);
    } catch (error) {
      this.#onFault(error);
      return checkCondition(internalTargetFailure);
    }
  }

  // SAM-5 §5.13 leaves the order of the checks open; what depends on nobody's state comes first, so
  // that a command that doesn't exist takes no unit attention with it.
  async #dispatch(context: CommandContext): Promise<CommandOutcome | 'natively'> {
    const { nexus, cdb } = context;
    const found = this.commands.find(cdb);
    if (found.refusal !== undefined) return checkCondition(found.refusal);
    const command = found.value;
    // First, because a unit attention would say that it was not carried out.
    const answer = context.leftOver ? command.ifLeftOver?.(context) : undefined;
    if (answer !== undefined) return answer;
    if (!command.ignoresUnitAttention) {
      const attention = this.reservations.unitAttentions(nexus).take();
      if (attention !== undefined) return checkCondition(attention);
    }
    if (!this.reservations.permits(nexus, accessOf(command, cdb))) return reservationConflict;
    const controlAt = command.usage.length - 1;
    if (cdb.flag(controlAt, 2)) return checkCondition(invalidCdbField(controlAt, 2)); // NACA
    return command.run === 'natively' ? 'natively' : command.run(context);
  }

  /** Goes on with what initiators chose at a process that this one takes the place of. */
  continueWith(settings: ModeSettings): void {
    this.#changeSettings(settings);
  }

  modeSelect(nexus: Nexus, cdb: Cdb, form: ModeForm, dataOut: Buffer): CommandOutcome {
    const decoded = decodeModeSelect(cdb, form, dataOut, this.#settings, this.medium);
    if (decoded.refusal !== undefined) return checkCondition(decoded.refusal);
    if (this.#changeSettings(decoded.value)) this.#tell(modeParametersChanged, nexus);
    return good;
  }

  /**
   * A nexus begins: it learns that the logical unit may have lost what it was told before.
   * @param nexus known to `reservations` from now until after `detach`
   */
  attach(nexus: Nexus): void {
    this.#nexuses.set(nexus.id, nexus);
    this.reservations.unitAttentions(nexus).establish(powerOnOrReset);
  }

  detach(nexus: Nexus): void {
    this.#nexuses.delete(nexus.id);
  }

  /** I_T NEXUS RESET and the like; RESERVE(6) is for `reservations` to end. */
  nexusLost(nexus: Nexus): void {
    this.reservations.unitAttentions(nexus).establish(nexusLossOccurred);
  }

  /**
   * LOGICAL UNIT RESET: mode pages go back to their defaults (SPC-4 §7.5.2); RESERVE(6) is for
   * `reservations` to end.
   */
  reset(): void {
    this.#changeSettings(defaultModeSettings);
    this.#tell(logicalUnitWasReset);
  }

  /** @returns whether that is another capacity than before */
  resize(sizeBytes: number): boolean {
    const changed = this.medium.resize(sizeBytes);
    if (changed) this.#tell(capacityDataHasChanged);
    return changed;
  }

  /** @returns whether they are others than before */
  #changeSettings(settings: ModeSettings): boolean {
    const before = this.#settings;
    if (
      settings.descriptorSense === before.descriptorSense &&
      settings.softwareWriteProtect === before.softwareWriteProtect
    ) {
      return false;
    }
    this.#settings = settings;
    this.#onSettings(settings);
    return true;
  }

  #tell(condition: Sense, except?: Nexus): void {
    for (const nexus of this.#nexuses.values()) {
      if (nexus.id !== except?.id) this.reservations.unitAttentions(nexus).establish(condition);
    }
  }
}
