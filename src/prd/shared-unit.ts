import { setMaxListeners } from 'node:events';
import type { PrCommand } from '../pr/command.js';
import { checkCondition, type PrOutcome } from '../pr/outcome.js';
import type { Sense } from '../pr/sense.js';
import { decodeReservationCdb, encodeReservationOutcome } from '../scsi/reservation-cdb.js';
import type { ScsiResponse } from '../scsi/response.js';
import { processExists } from '../util/process-exists.js';
import type { HostDevice, OpenReservations } from './logical-unit.js';
import type { QuiesceLease } from './quiesce-lease.js';
import type { UnitGate } from './unit-gate.js';

/** A client that serves a guest from the logical unit, and is the only one to change reservations. */
export interface UnitAttachment {
  /** The initiator name under which it serves. */
  readonly initiator: string;
  /** Of the process that serves. */
  readonly pid: number;
  readonly lease: QuiesceLease;
  /** Its connection stands. */
  connected(): boolean;
  unitAttention(condition: Sense): void;
}

/** A logical unit with everything that all its users in the daemon share. */
export class SharedUnit {
  /** `change`: other reservations hold now. */
  readonly events = new EventTarget();
  readonly #device: HostDevice;
  readonly #gate: UnitGate;
  #open: OpenReservations | undefined;
  #attachment: UnitAttachment | undefined;

  private constructor(device: HostDevice, gate: UnitGate) {
    this.#device = device;
    this.#gate = gate;
    // One for each handle, and those are bounded.
    setMaxListeners(0, this.events);
  }

  /** @throws what `device.open` throws */
  static async open(device: HostDevice, gate: UnitGate): Promise<SharedUnit> {
    const unit = new SharedUnit(device, gate);
    unit.#open = await device.open(gate, {
      onAttention: () => {
        unit.#passAttentions();
      },
      onChange: () => {
        unit.events.dispatchEvent(new Event('change'));
      },
    });
    return unit;
  }

  get wwid(): string {
    return this.#device.wwid;
  }

  get name(): string {
    return this.#device.name;
  }

  get registered(): boolean {
    return this.#opened.registered;
  }

  /** The initiator that is served: its connection stands, or its process lives and will be back. */
  get attachedInitiator(): string | undefined {
    const present = this.#attachment;
    if (present === undefined) return undefined;
    return present.connected() || processExists(present.pid) ? present.initiator : undefined;
  }

  /** For who understands commands; unit attentions are not for them. Never rejects. */
  execute(command: PrCommand): Promise<PrOutcome> {
    return this.#opened.reservations.execute(this.#opened.nexus, command);
  }

  /**
   * For who sends CDBs: PERSISTENT RESERVE IN and OUT. A unit attention that waits is the answer,
   * unless an attached client gets those. Never rejects.
   */
  async executeCdb(cdb: Uint8Array, dataOut: Buffer): Promise<ScsiResponse> {
    const decoded = decodeReservationCdb(cdb, dataOut, this.#opened.actions);
    if (decoded.refusal !== undefined) {
      return encodeReservationOutcome(checkCondition(decoded.refusal), 0);
    }
    const attention = this.attachedInitiator === undefined ? this.#attentions.take() : undefined;
    if (attention !== undefined) return encodeReservationOutcome(checkCondition(attention), 0);
    const { command, allocationLength } = decoded.value;
    return encodeReservationOutcome(await this.execute(command), allocationLength);
  }

  /**
   * Makes a client the one that serves from here. One whose connection was lost comes back to its
   * place, or leaves it to another process by ending.
   * @returns why not
   */
  attach(attachment: UnitAttachment): string | undefined {
    const present = this.#attachment;
    if (present !== undefined) {
      const { initiator, pid } = present;
      const same = pid === attachment.pid && initiator === attachment.initiator;
      if (present.connected() || (!same && processExists(pid))) {
        return `process ${pid} serves it to ${initiator}`;
      }
      if (initiator !== attachment.initiator && this.registered) {
        return `it is registered for ${initiator}: attach that one, or clear the registrations`;
      }
      this.#gate.detach(present.lease);
    }
    this.#attachment = attachment;
    this.#gate.attach(attachment.lease);
    this.#passAttentions();
    return undefined;
  }

  /** Its client has stopped serving: nothing of its data is left. */
  detach(attachment: UnitAttachment): void {
    if (this.#attachment !== attachment) return;
    this.#attachment = undefined;
    this.#gate.detach(attachment.lease);
  }

  /** The attached client's data met a conflict at the device. */
  conflictMet(): void {
    this.#gate.onConflict();
  }

  /** Resolves when nothing of it is used any more. */
  close(): Promise<void> {
    return this.#opened.close();
  }

  #passAttentions(): void {
    // While it is being opened nobody is attached.
    if (this.#attachment === undefined) return;
    for (let next = this.#attentions.take(); next !== undefined; next = this.#attentions.take()) {
      this.#attachment.unitAttention(next);
    }
  }

  get #attentions() {
    const { reservations, nexus } = this.#opened;
    return reservations.unitAttentions(nexus);
  }

  get #opened(): OpenReservations {
    if (this.#open === undefined) throw new Error('used before it was open');
    return this.#open;
  }
}
