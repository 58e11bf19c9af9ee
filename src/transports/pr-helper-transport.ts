import type { NativeConnection } from '../native/addon.js';
import { isPrIn, type PrCommand } from '../pr/command.js';
import type { PathIdentity, PathOutcome, PathTransport, TransportLimits } from '../pr/transport.js';
import { TurnQueue } from '../pr/turn-queue.js';
import { scsiStatus } from '../scsi/command-outcome.js';
import { encodeRequest } from '../scsi/initiator-command.js';
import { decodeSense } from '../scsi/received-sense.js';
import { messageOf } from '../util/failure.js';
import { byDeadline } from '../util/deadline.js';
import type { LaneTransport } from './lane-transport.js';
import { answered, late, notSent, unknown } from './path-outcome.js';
import { type HelperReply, helperDataMax, PrHelperSession } from './pr-helper-session.js';
import { answerOf, readingOf } from './scsi-programs.js';

/** Connects to the helper's socket; rejects with Errors. */
export type ConnectToHelper = () => Promise<NativeConnection>;

/**
 * Reservation commands through the socket of qemu-pr-helper, or of another program that speaks its
 * protocol. What checks the path goes by SG_IO to the node itself, which anybody may who can open it.
 */
export class PrHelperTransport implements PathTransport {
  readonly name: string;
  readonly limits: TransportLimits = {
    fullStatus: true,
    reportCapabilities: true,
    aptplChoice: true,
    registerAndMove: true,
    exactSense: false,
    reads: true,
    hostWide: false,
  };
  readonly #connect: ConnectToHelper;
  readonly #node: LaneTransport;
  readonly #fd: number;
  readonly #turns = new TurnQueue();
  #session: PrHelperSession | undefined;
  #beginning: Promise<PrHelperSession | string> | undefined;
  #isStuck = false;
  #isClosed = false;

  /**
   * @param node opened for reading and writing, for the helper demands that of changes
   * @param fd the same one's
   */
  constructor(name: string, connect: ConnectToHelper, node: LaneTransport, fd: number) {
    this.name = name;
    this.#connect = connect;
    this.#node = node;
    this.#fd = fd;
  }

  async execute(command: PrCommand, deadline: number): Promise<PathOutcome> {
    if (this.#isStuck) return notSent('an earlier command is still with the helper');
    const endTurn = await this.#turns.turn(deadline - performance.now());
    if (endTurn === undefined) return notSent('its turn had not come by the deadline');
    const session = await this.#sessionBy(deadline);
    if (typeof session === 'string') {
      endTurn();
      return notSent(session);
    }
    const { cdb, dataOut } = encodeRequest(
      isPrIn(command)
        ? {
            kind: 'persistent-reserve-in',
            action: command.action,
            allocationLength: helperDataMax,
          }
        : { kind: 'persistent-reserve-out', command },
    );
    const replying = session.request(cdb, dataOut, this.#fd).then((reply) => ({ reply }));
    const replied = await byDeadline(replying, deadline);
    if (replied !== undefined) {
      endTurn();
      return replied.reply === undefined ? lost() : outcomeOf(command, replied.reply);
    }
    this.#isStuck = true;
    const returned = new Promise<PathOutcome>((resolve) => {
      void replying.then(({ reply }) => {
        this.#isStuck = false;
        endTurn();
        if (reply !== undefined) resolve(outcomeOf(command, reply));
      });
    });
    return late('no answer by the deadline', returned);
  }

  probe(deadline: number): Promise<PathOutcome> {
    return this.#node.probe(deadline);
  }

  identify(deadline: number): Promise<PathIdentity> {
    return this.#node.identify(deadline);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#session?.close();
    await this.#node.close();
  }

  /** The present connection or a new one; a reason if there is none by the deadline. */
  async #sessionBy(deadline: number): Promise<PrHelperSession | string> {
    if (this.#session !== undefined && this.#session.endReason === undefined) return this.#session;
    this.#beginning ??= this.#begin().finally(() => {
      this.#beginning = undefined;
    });
    const begun = await byDeadline(this.#beginning, deadline);
    return begun ?? 'the helper had not answered by the deadline';
  }

  async #begin(): Promise<PrHelperSession | string> {
    try {
      const session = await PrHelperSession.begin(await this.#connect());
      if (this.#isClosed) session?.close();
      this.#session = session;
      return session ?? 'the helper closed the connection';
    } catch (error) {
      return `no connection to the helper: ${messageOf(error)}`;
    }
  }
}

/**
 * The helper may be gone and its call still inside the kernel: nothing tells when that has come back,
 * so the command stays unsettled until it is disarmed.
 */
function lost(): PathOutcome {
  return late('the connection to the helper ended', new Promise(() => undefined));
}

/**
 * A helper makes sense data and BUSY of its own out of errors of the host, which say nothing about
 * execution. Only what a helper does not make up is taken for the device's answer.
 */
function outcomeOf(command: PrCommand, { status, sense, payload }: HelperReply): PathOutcome {
  if (status === scsiStatus.good && isPrIn(command)) {
    return answered(readingOf(command.action, payload, helperDataMax));
  }
  const outcome = answerOf({ kind: 'status', status, sense, dataIn: payload });
  return isOfDevice(status, sense)
    ? outcome
    : unknown(`the helper's status 0x${status.toString(16)}`);
}

const illegalRequest = 0x5;
const notReady = 0x2;
const unitAttention = 0x6;
/** PARAMETERS CHANGED, and with it everything that reservations cause. */
const parametersChanged = 0x2a;

function isOfDevice(status: number, sense: Buffer): boolean {
  if (status !== scsiStatus.checkCondition) return status !== scsiStatus.busy;
  const { senseKey, asc } = decodeSense(sense) ?? {};
  if (senseKey === unitAttention) return asc === parametersChanged;
  return senseKey === illegalRequest || senseKey === notReady;
}
