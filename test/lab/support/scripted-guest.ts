/** A guest in a lab machine that does what a test says, command by command. */
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

import { Deferred } from '../../../src/util/deferred.js';
import {
  Initiator,
  type InitiatorProcess,
  type ScsiResult,
  senseText,
} from '../../support/initiator.js';
import {
  keysIn,
  persistentReserveIn,
  persistentReserveOut,
  type PrOut,
  read10,
  readKeys,
  reservationIn,
  write10,
} from '../../support/persistent-reservations.js';
import { type LabMachine } from './lab-machine.js';

/** `good`, `conflict`, `busy`, else the sense as `key/asc/ascq` in hexadecimal. */
export type Answer = string;

/** The command may have been executed: LOGICAL UNIT COMMUNICATION TIME-OUT. */
export const maybeExecuted: Answer = 'b/8/1';

/** A guest that waits gives up after this; milliseconds. */
const patienceMs = 120_000;
/** Between two tries of a command that is BUSY; milliseconds. */
const busyMs = 50;

/** VIRTIO_SCSI_T_TMF_* */
const abortTaskSet = 1;
const logicalUnitReset = 5;

let started = 0;

export class ScriptedGuest {
  readonly #initiator: Initiator;

  private constructor(initiator: Initiator) {
    this.#initiator = initiator;
  }

  /**
   * Attaches at the machine's guest port `number` (from 1), and takes up the attentions of power-on.
   * @param socketPath in the machine, where its disk is served
   */
  static async attach(
    machine: LabMachine,
    socketPath = '/run/holdfast/guest.sock',
    number = 1,
  ): Promise<ScriptedGuest> {
    const process = await startInitiator(machine, socketPath, number);
    // Whatever runs in a machine ends with it.
    const guest = new ScriptedGuest(await Initiator.of(process, () => undefined));
    await guest.#initiator.clearAttentions();
    return guest;
  }

  /** PERSISTENT RESERVE OUT. */
  async ask(command: PrOut): Promise<Answer> {
    return answerOf(await this.#initiator.execute(persistentReserveOut(command)));
  }

  /**
   * The same, again as long as it is answered BUSY, by a unit attention, or by nothing certain.
   * @returns the last answer
   */
  async insist(command: PrOut): Promise<Answer> {
    return (await this.#patiently(() => this.#initiator.execute(persistentReserveOut(command))))
      .answer;
  }

  /** READ KEYS: in hexadecimal, sorted. */
  async keys(): Promise<string[]> {
    const { result } = await this.#patiently(() => this.#initiator.execute(readKeys()));
    return keysIn(result.dataIn)
      .map((key) => key.toString(16))
      .sort();
  }

  /** READ RESERVATION: whether there is one. */
  async reserved(): Promise<boolean> {
    const { result } = await this.#patiently(() =>
      this.#initiator.execute(persistentReserveIn('readReservation')),
    );
    return reservationIn(result.dataIn) !== undefined;
  }

  /** READ KEYS once. */
  async askKeys(): Promise<Answer> {
    return answerOf(await this.#initiator.execute(readKeys()));
  }

  /** Writes a block, filled with one byte. */
  async write(lba: number, fill: number): Promise<Answer> {
    return answerOf(await this.#initiator.execute(write10(lba, 1, fill)));
  }

  /** The byte that a block was filled with. */
  async read(lba: number): Promise<number | undefined> {
    const { result } = await this.#patiently(() => this.#initiator.execute(read10(lba, 1)));
    return result.dataIn[0];
  }

  /** LOGICAL UNIT RESET; resolves with VIRTIO_SCSI_S_* when nothing of the guest's is left. */
  resetLogicalUnit(): Promise<number> {
    return this.#initiator.manageTask(logicalUnitReset);
  }

  /** ABORT TASK SET; resolves in the same way. */
  abortTaskSet(): Promise<number> {
    return this.#initiator.manageTask(abortTaskSet);
  }

  /** A step of a migration, see `Initiator.migration`. */
  migration(step: 'begin' | 'stop' | 'end' | 'resume'): Promise<void> {
    return this.#initiator.migration(step);
  }

  leave(): Promise<void> {
    return this.#initiator.leave();
  }

  async #patiently(
    execute: () => Promise<ScsiResult>,
  ): Promise<{ answer: Answer; result: ScsiResult }> {
    const end = performance.now() + patienceMs;
    for (;;) {
      const result = await execute();
      const answer = answerOf(result);
      const waits = answer === 'busy' || answer === maybeExecuted || answer.startsWith('6/');
      if (!waits || performance.now() > end) return { answer, result };
      if (answer === 'busy') await pause(busyMs);
    }
  }
}

export function answerOf(result: ScsiResult): Answer {
  if (result.response !== 0) return `response ${result.response}`;
  switch (result.status) {
    case 0:
      return 'good';
    case 0x02:
      return senseText(result);
    case 0x08:
      return 'busy';
    case 0x18:
      return 'conflict';
    default:
      return `status ${result.status}`;
  }
}

async function startInitiator(
  machine: LabMachine,
  socketPath: string,
  number: number,
): Promise<InitiatorProcess> {
  const port = machine.guestPort(number);
  started += 1;
  const mark = `initiator-${started}`;
  await machine.run(`script_guest ${number} ${socketPath} ${mark}`);
  const answers = new PassThrough();
  const ended = new Deferred<string>();
  // What an earlier one has left behind comes before the mark, on either side.
  let begun = false;
  const lines = createInterface(port);
  lines.on('line', (line) => {
    if (line === `${mark} begins`) begun = true;
    else if (line.startsWith(`${mark} ends: `)) ended.resolve(line);
    else if (begun) answers.write(`${line}\n`);
  });
  void ended.promise.then(() => {
    lines.close();
  });
  port.write(`${mark}\n`);
  return {
    commands: port,
    answers,
    ended: ended.promise,
    end: async () => {
      await machine.run(`pkill -KILL -g $(cat $logs/guest${number}.pid) || true`);
      ended.resolve('it was ended');
    },
  };
}
