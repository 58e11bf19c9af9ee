/** One connection of a qemu-pr-helper client, such as QEMU's pr-manager-helper. */
import type { PassedFds } from '../fd-lines/passed-fds.js';
import type { NativeConnection } from '../native/addon.js';
import { checkCondition } from '../pr/outcome.js';
import { invalidFieldInCdb, type Sense } from '../pr/sense.js';
import { encodeReservationOutcome, prOutOpcode } from '../scsi/reservation-cdb.js';
import type { ScsiResponse } from '../scsi/response.js';
import { invalidCommandOperationCode, logicalUnitCommunicationFailure } from '../scsi/sense.js';
import type { PeerLog } from '../telemetry/peer-log.js';
import type { FdSession, SessionServices } from './fd-server.js';
import type { LogicalUnits, UnitHold } from './logical-units.js';
import { examineFd, type PassedDevice } from './passed-device.js';
import {
  encodeReply,
  features,
  PrHelperReader,
  type PrHelperRequest,
} from './pr-helper-message.js';

/** The disks of one virtual machine that it reserves. */
const unitsMax = 64;

export class PrHelperSession implements FdSession {
  readonly #connection: NativeConnection;
  readonly #fds: PassedFds;
  readonly #units: LogicalUnits;
  readonly #log: PeerLog;
  readonly #examine: typeof examineFd;
  readonly #reader: PrHelperReader;
  /** By WWID: what the client uses stays open as long as its connection. */
  readonly #holds = new Map<string, UnitHold>();
  #running: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(connection: NativeConnection, fds: PassedFds, services: SessionServices) {
    this.#connection = connection;
    this.#fds = fds;
    this.#units = services.units;
    this.#log = services.log;
    this.#examine = services.examine ?? examineFd;
    this.#reader = new PrHelperReader(fds);
  }

  /** Resolves when the connection has ended and nothing of it runs any more. */
  async run(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#connection.start({
        onData: (data, fds) => {
          this.#receive(data, fds);
        },
        onEnd: (reason) => {
          this.#end(reason);
          resolve();
        },
      });
      this.#connection.send(features);
    });
    await this.#running;
    for (const hold of this.#holds.values()) hold.release();
  }

  #receive(data: Buffer, fds: number[]): void {
    if (this.#ended) {
      this.#fds.add(fds);
      this.#fds.closeAll();
      return;
    }
    const result = this.#reader.push(data, fds);
    if (result === undefined) return;
    if ('violation' in result) {
      this.#end(result.violation);
      this.#connection.close();
    } else {
      this.#running = this.#serve(result);
    }
  }

  async #serve({ cdb, dataOut, fd }: PrHelperRequest): Promise<void> {
    const device = this.#examine(fd);
    this.#fds.close(fd);
    const response = await this.#answer(cdb, dataOut, device);
    if (this.#ended) return;
    this.#reader.answered();
    this.#connection.send(encodeReply(response));
  }

  async #answer(
    cdb: Buffer,
    dataOut: Buffer,
    device: ReturnType<typeof examineFd>,
  ): Promise<ScsiResponse> {
    if ('refusal' in device) return this.#refuse(invalidCommandOperationCode, device.refusal);
    const changes = cdb[0] === prOutOpcode;
    if (changes && !device.writable) {
      return this.#refuse(invalidCommandOperationCode, 'the descriptor is read-only');
    }
    const unit = await this.#unitOf(device);
    if ('refusal' in unit) {
      const { lasting, refusal } = unit;
      const sense = lasting ? invalidCommandOperationCode : logicalUnitCommunicationFailure;
      return this.#refuse(sense, refusal);
    }
    const initiator = unit.attachedInitiator;
    if (changes && initiator !== undefined) {
      return this.#refuse(invalidFieldInCdb, `${unit.name} is served to ${initiator}`);
    }
    return unit.executeCdb(cdb, dataOut);
  }

  async #unitOf(device: PassedDevice) {
    const hold = await this.#units.open(device);
    if ('refusal' in hold) return hold;
    const { unit } = hold;
    if (this.#holds.has(unit.wwid)) {
      hold.release();
    } else if (this.#holds.size >= unitsMax) {
      hold.release();
      return { refusal: `more than ${unitsMax} logical units on one connection`, lasting: false };
    } else {
      this.#holds.set(unit.wwid, hold);
    }
    return unit;
  }

  #refuse(sense: Sense, reason: string): ScsiResponse {
    this.#log.warn(`a PR command was refused: ${reason}`, { client: this.#connection.peer });
    return encodeReservationOutcome(checkCondition(sense), 0);
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (reason !== '')
      this.#log.warn(`connection ended: ${reason}`, { client: this.#connection.peer });
  }
}
