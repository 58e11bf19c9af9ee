/** What one attached guest sees behind its virtio-scsi controller: a nexus and its LUNs. */
import type { Nexus } from '../pr/nexus.js';
import type { LogicalUnit, ScsiAnswer } from './logical-unit.js';
import { decodeVirtioLun } from './lun.js';
import { respond } from './response.js';
import { reportedLunsDataHasChanged } from './sense.js';
import { scsiStatus } from './command-outcome.js';
import { executeVacant } from './vacant-lun.js';

export interface TargetRequest {
  /** As in virtio_scsi_req_cmd, 8 bytes. */
  readonly lun: Buffer;
  readonly cdb: Uint8Array;
  readonly dataOut: Buffer;
  /** See `ScsiRequest`. */
  readonly leftOver?: boolean;
}

const reportLunsOpcode = 0xa0;

export class ScsiTarget {
  readonly nexus: Nexus;
  readonly #units = new Map<number, LogicalUnit>();

  /** @param nexus of the guest, not used by another attachment at the same time */
  constructor(nexus: Nexus) {
    this.nexus = nexus;
  }

  /** @param lun 0 to 16383, free; up to 255 for guests that run Windows */
  plug(lun: number, unit: LogicalUnit): void {
    this.#tellOfNewInventory();
    this.#units.set(lun, unit);
    unit.attach(this.nexus);
  }

  unplug(lun: number): void {
    this.#units.get(lun)?.detach(this.nexus);
    this.#units.delete(lun);
    this.#tellOfNewInventory();
  }

  /** The attachment ends; the logical units remember nothing but reservations. */
  detach(): void {
    for (const unit of this.#units.values()) unit.detach(this.nexus);
    this.#units.clear();
  }

  /** Never rejects. */
  async execute({ lun, cdb, dataOut, leftOver = false }: TargetRequest): Promise<ScsiAnswer> {
    const address = decodeVirtioLun(lun);
    const unit = address.kind === 'logical-unit' ? this.#units.get(address.lun) : undefined;
    const luns = [...this.#units.keys()].sort((a, b) => a - b);
    const answer =
      unit === undefined
        ? respond(executeVacant(address, cdb, luns), 'fixed')
        : await unit.execute(this.nexus, { cdb, dataOut, luns, leftOver });
    const isGood = answer !== 'natively' && answer.status === scsiStatus.good;
    if (isGood && cdb[0] === reportLunsOpcode) this.#inventoryReported();
    return answer;
  }

  /** SPC-4 §6.33.1: on every logical unit, whichever of them has answered. */
  #inventoryReported(): void {
    for (const { reservations } of this.#units.values()) {
      reservations.unitAttentions(this.nexus).withdraw(reportedLunsDataHasChanged);
    }
  }

  #tellOfNewInventory(): void {
    for (const { reservations } of this.#units.values()) {
      reservations.unitAttentions(this.nexus).establish(reportedLunsDataHasChanged);
    }
  }
}
