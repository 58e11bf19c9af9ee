/**
 * A namespace with reservations as the NVMe specification has them, written from its text: hosts with
 * keys, a holder, a generation. It is meant to be asked by the codec under test, with which it shares
 * the command types only.
 */
import type { NvmeCompletion } from '../../../../src/nvme/nvme-program.js';
import type { NvmeReservationCommand } from '../../../../src/nvme/reservation-command.js';
import { encodeReport } from '../../../../src/nvme/reservation-report.js';
import type { ReservationType } from '../../../../src/pr/reservation.js';

const conflict = 0x83;
const invalidField = 0x02;

export interface NamespaceQuirks {
  /** As nvmet of Linux 6.13: a holder that preempts another changes the type and removes nobody. */
  holderRemovesNobody?: boolean;
  /** As nvmet: RELEASE of a wrong type is a conflict, not an invalid field. */
  wrongTypeIsConflict?: boolean;
  /** Host identifiers of 64 bits: refuses EDS. */
  shortHostIds?: boolean;
  /** So many controllers each host has entries for in a Report. */
  controllersOfHost?: number;
}

export class Namespace {
  generation = 0;
  keys = new Map<string, bigint>();
  type: ReservationType | undefined;
  /** One of them, also where all registrants hold. */
  holder: string | undefined;
  persists = false;
  readonly commands: string[] = [];
  readonly #quirks: NamespaceQuirks;

  constructor(quirks: NamespaceQuirks = {}) {
    this.#quirks = quirks;
  }

  /** @param host its identifier */
  run(host: string, command: NvmeReservationCommand): NvmeCompletion {
    this.commands.push(command.command === 'report' ? 'report' : command.action);
    if (command.command === 'report') return this.#report(command.extended, command.length);
    return { status: this.#change(host, command), data: Buffer.alloc(0) };
  }

  #change(host: string, command: Exclude<NvmeReservationCommand, { command: 'report' }>): number {
    const own = this.keys.get(host);
    if (command.command === 'register') {
      const { action, newKey, currentKey, ignoreExistingKey, persistence } = command;
      if (action === 'register' ? own !== undefined && own !== newKey : own === undefined) {
        return conflict;
      }
      if (action !== 'register' && !ignoreExistingKey && own !== currentKey) return conflict;
      if (action === 'unregister') this.#remove(host);
      else this.keys.set(host, newKey);
      if (persistence !== 'unchanged') this.persists = persistence === 'set';
      this.generation++;
      return 0;
    }
    if (own === undefined || own !== command.currentKey) return conflict;
    if (command.command === 'release') {
      if (command.action === 'clear') {
        this.keys.clear();
        this.#setHolder(undefined, undefined);
        this.generation++;
        return 0;
      }
      if (!this.#holds(host)) return 0;
      if (command.type !== this.type) {
        return this.#quirks.wrongTypeIsConflict === true ? conflict : invalidField;
      }
      this.#setHolder(undefined, undefined);
      return 0;
    }
    if (command.action === 'acquire') return this.#acquire(host, command.type);
    return this.#preempt(host, command.type, command.preemptKey);
  }

  #acquire(host: string, type: ReservationType): number {
    if (this.type === undefined) {
      this.#setHolder(host, type);
      return 0;
    }
    return this.#holds(host) && this.type === type ? 0 : conflict;
  }

  #preempt(host: string, type: ReservationType, victim: bigint): number {
    const all = this.#isForAll();
    const holderKey = this.holder === undefined ? undefined : this.keys.get(this.holder);
    if (this.#quirks.holderRemovesNobody === true && this.holder === host && !all) {
      this.type = type;
      this.generation++;
      return 0;
    }
    if (victim === 0n && !all) return invalidField;
    const removesHolder = all ? victim === 0n : this.type !== undefined && victim === holderKey;
    const victims = [...this.keys].filter(
      ([other, key]) => (victim === 0n || key === victim) && !(removesHolder && other === host),
    );
    if (!removesHolder && victims.length === 0) return conflict;
    for (const [other] of victims) this.#remove(other);
    if (removesHolder) this.#setHolder(host, type);
    this.generation++;
    return 0;
  }

  #remove(host: string): void {
    this.keys.delete(host);
    if (this.holder !== host) return;
    const heir = this.#isForAll() ? [...this.keys.keys()][0] : undefined;
    this.#setHolder(heir, heir === undefined ? undefined : this.type);
  }

  #setHolder(host: string | undefined, type: ReservationType | undefined): void {
    this.holder = host;
    this.type = type;
  }

  #isForAll(): boolean {
    return this.type?.endsWith('all-registrants') === true;
  }

  #holds(host: string): boolean {
    return this.type !== undefined && (this.#isForAll() || this.holder === host);
  }

  #report(extended: boolean, length: number): NvmeCompletion {
    const short = this.#quirks.shortHostIds === true;
    if (extended === short) return { status: short ? invalidField : 0x18, data: Buffer.alloc(0) };
    const each = Array.from({ length: this.#quirks.controllersOfHost ?? 1 }, (_, index) => index);
    const report = {
      generation: this.generation,
      type: this.type,
      persistsThroughPowerLoss: this.persists,
      registrants: [...this.keys].flatMap(([host, key]) =>
        each.map((controllerId) => ({
          controllerId,
          holdsReservation: this.#holds(host),
          key,
          hostId: host,
        })),
      ),
    };
    const data = Buffer.alloc(length);
    encodeReport(report, extended).copy(data);
    return { status: 0, data };
  }
}
