/** A whole server with real initiators, held against the conflict tables: the native fence decides. */
import { AssertionError } from 'node:assert';
import type { ReservationCommand } from '../../src/pr/command.js';
import type { Nexus } from '../../src/pr/nexus.js';
import type { PrOutcome } from '../../src/pr/outcome.js';
import { Initiator, type ScsiCommand, type ScsiResult, senseText } from '../support/initiator.js';
import {
  iscsiTransportId,
  persistentReserveIn,
  persistentReserveOut,
  registerAndMove,
  typeCodes,
} from '../support/persistent-reservations.js';
import { ServeProcess, type ServeProcessOptions } from '../support/serve-process.js';
import type { OpenSubject, SentCommand, Subject } from './subject.js';

const sam = { good: 0, checkCondition: 2, busy: 8, reservationConflict: 0x18, taskSetFull: 0x28 };

/** Data that a command without data from the initiator may return, bytes. */
const dataInMax = 4096;

export interface ServedDiskOptions {
  image: string;
  /** Where reservations are kept. */
  state: string;
  /** Of each guest: its nexus and where it attaches. */
  guests: readonly { nexus: Nexus; socketPath: string }[];
  /** Takes what ends the server and the guests. */
  onEnd: NonNullable<ServeProcessOptions['onEnd']>;
}

/** One server for all tests: to open it means to clear what the last one has reserved. */
export class ServedDisk implements Subject {
  readonly name = 'a served disk';
  readonly #initiators = new Map<string, Initiator>();

  async start({ image, state, guests, onEnd }: ServedDiskOptions): Promise<void> {
    const sockets = guests.flatMap(({ nexus, socketPath }) => [
      ...['--socket-path', socketPath, '--initiator-name', nameOf(nexus)],
    ]);
    const args = [
      ...sockets,
      '--device',
      'scsi',
      '--blk-file',
      image,
      '--reservation-state',
      state,
    ];
    await ServeProcess.serving({ args, onEnd });
    for (const { nexus, socketPath } of guests) {
      this.#initiators.set(nexus.id, await Initiator.connect(socketPath, onEnd));
    }
  }

  async open(nexuses: readonly Nexus[]): Promise<OpenSubject> {
    await this.#clear(nexuses);
    return {
      execute: async (nexus, command) =>
        statusOf(await this.#initiator(nexus).execute(scsiCommandOf(command))),
      admits: (nexus, command) => this.#admits(nexus, command),
    };
  }

  async #admits(nexus: Nexus, { cdb, dataOut }: SentCommand): Promise<boolean> {
    const dataIn = dataOut.length === 0 ? dataInMax : 0;
    const result = await this.#initiator(nexus).execute({
      cdb: cdb.toString('hex'),
      dataIn,
      dataOut,
    });
    const refused = statusOf(result) === 'check-condition' && senseText(result) !== '5/24/0';
    if (refused)
      throw new AssertionError({ message: `${cdb.toString('hex')}: ${senseText(result)}` });
    return statusOf(result) !== 'reservation-conflict';
  }

  async #clear(nexuses: readonly Nexus[]): Promise<void> {
    for (const nexus of nexuses) await this.#initiator(nexus).execute(release6);
    const [first] = nexuses;
    if (first === undefined) return;
    const initiator = this.#initiator(first);
    const own = { action: 'registerAndIgnore', newKey: 1n } as const;
    await initiator.clearAttentions();
    await initiator.execute(persistentReserveOut(own));
    await initiator.execute(persistentReserveOut({ action: 'clear', key: 1n }));
    for (const nexus of nexuses) await this.#initiator(nexus).clearAttentions();
  }

  #initiator(nexus: Nexus): Initiator {
    const initiator = this.#initiators.get(nexus.id);
    if (initiator === undefined) throw new Error(`${nexus.id} has no guest`);
    return initiator;
  }
}

const release6: ScsiCommand = { cdb: '17 00 00 00 00 00' };
const reserve6: ScsiCommand = { cdb: '16 00 00 00 00 00' };

function nameOf({ transportId }: Nexus): string {
  if (transportId.protocol !== 'iscsi') throw new Error('guests have iSCSI names');
  return transportId.name;
}

function statusOf(result: ScsiResult): PrOutcome['status'] {
  if (result.response === 0) {
    switch (result.status) {
      case sam.good:
        return 'good';
      case sam.checkCondition:
        return 'check-condition';
      case sam.busy:
        return 'busy';
      case sam.reservationConflict:
        return 'reservation-conflict';
      case sam.taskSetFull:
        return 'task-set-full';
    }
  }
  throw new AssertionError({ message: `response ${result.response}, status ${result.status}` });
}

function scsiCommandOf(command: ReservationCommand): ScsiCommand {
  switch (command.action) {
    case 'read-keys':
      return persistentReserveIn('readKeys');
    case 'read-reservation':
      return persistentReserveIn('readReservation');
    case 'report-capabilities':
      return persistentReserveIn('reportCapabilities');
    case 'read-full-status':
      return persistentReserveIn('readFullStatus');
    case 'register': {
      const { prkey: key, serviceActionKey: newKey } = command;
      return persistentReserveOut({ action: 'register', key, newKey });
    }
    case 'register-and-ignore-existing-key':
      return persistentReserveOut({
        action: 'registerAndIgnore',
        newKey: command.serviceActionKey,
      });
    case 'register-and-move': {
      const { prkey, serviceActionKey, destination } = command;
      if (destination.protocol !== 'iscsi') throw new Error('guests have iSCSI names');
      return registerAndMove(prkey, serviceActionKey, iscsiTransportId(destination.name));
    }
    case 'reserve':
    case 'release': {
      const { action, prkey: key, type } = command;
      return persistentReserveOut({ action, key, type: codeOf(type) });
    }
    case 'clear':
      return persistentReserveOut({ action: 'clear', key: command.prkey });
    case 'preempt':
    case 'preempt-and-abort': {
      const { prkey: key, serviceActionKey: newKey, type } = command;
      const action = command.action === 'preempt' ? 'preempt' : 'preemptAndAbort';
      return persistentReserveOut({ action, key, newKey, type: codeOf(type) });
    }
    case 'reserve-6':
      return reserve6;
    case 'release-6':
      return release6;
    case 'replace-lost-reservation':
      throw new Error('no table has REPLACE LOST RESERVATION');
  }
}

function codeOf(type: keyof typeof typeCodes | undefined): number {
  return type === undefined ? 0 : typeCodes[type];
}
