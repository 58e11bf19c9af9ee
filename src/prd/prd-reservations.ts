/**
 * The reservations of a logical unit whose paths only the daemon may touch: the client that
 * `serve --pr prd:SOCKET` has in their place, with the guest's data under the daemon's command.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { JSONRPCErrorException } from 'json-rpc-2.0';
import * as v from 'valibot';
import type { NativeAddon } from '../native/addon.js';
import type { ReservationCommand } from '../pr/command.js';
import type { DataGate } from '../pr/data-gate.js';
import type { LogicalUnitReservations } from '../pr/logical-unit-reservations.js';
import type { Nexus } from '../pr/nexus.js';
import { busy, checkCondition, type PrOutcome } from '../pr/outcome.js';
import { UnitAttentions } from '../pr/unit-attention.js';
import { invalidCommandOperationCode } from '../scsi/sense.js';
import { aborted } from '../util/aborted.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import { GuestGate } from './guest-gate.js';
import { PrdConnection } from './prd-connection.js';
import { executeRemotely } from './remote-command.js';

const retryMinMs = 100;
const retryMaxMs = 2_000;

export interface PrdReservationsOptions {
  readonly addon: Pick<NativeAddon, 'connectForFds' | 'createLane'>;
  /** Of the daemon. */
  readonly socketPath: string;
  /** The device, opened for writing: it proves that we may change its reservations. */
  readonly fd: number;
  /** The guest's initiator name. */
  readonly initiator: string;
  /** The guest's data; closed from now on until the daemon opens it. */
  readonly gate: DataGate;
  /** Told whether the guest is owed a unit attention. */
  readonly onAttention: (pending: boolean) => void;
  /** Told of other reservations. */
  readonly onChange: () => void;
  /** Told, once for each loss, what keeps the daemon out of reach; undefined: it is there again. */
  readonly onReach: (trouble: string | undefined) => void;
}

/** Only one logical unit is open on a connection. */
interface Attached {
  readonly connection: PrdConnection;
  readonly handle: number;
}

export class PrdReservations implements LogicalUnitReservations {
  readonly #options: PrdReservationsOptions;
  readonly #attentions: UnitAttentions;
  readonly #gate: GuestGate;
  readonly #stop = new AbortController();
  #attached: Attached | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(options: PrdReservationsOptions) {
    this.#options = options;
    this.#attentions = new UnitAttentions(options.onAttention);
    this.#gate = new GuestGate(options.gate, {
      onStopped: (id) => {
        this.#tell(({ connection, handle }) => connection.request('quiesced', { handle, id }));
      },
      onLeaseEnd: () => {
        this.#attached?.connection.close();
      },
    });
    options.gate.onConflict = () => {
      this.#tell(({ connection, handle }) => connection.request('conflictMet', { handle }));
    };
  }

  /** @throws Failure (socket, refused) with the daemon's words if it can't be attached */
  static async open(options: PrdReservationsOptions): Promise<PrdReservations> {
    const reservations = new PrdReservations(options);
    let connection: PrdConnection;
    try {
      connection = await reservations.#attach();
    } catch (error) {
      const code = error instanceof JSONRPCErrorException ? ExitCode.refused : ExitCode.socket;
      throw new Failure(code, `reservation daemon ${options.socketPath}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    reservations.#ended = reservations.#stayAttached(connection);
    return reservations;
  }

  async execute(_nexus: Nexus, command: ReservationCommand): Promise<PrOutcome> {
    if (command.action === 'reserve-6' || command.action === 'release-6') {
      return checkCondition(invalidCommandOperationCode);
    }
    const attached = this.#attached;
    if (attached === undefined) return busy;
    return executeRemotely(attached.connection, attached.handle, command);
  }

  /** The daemon's journal knows the last command. */
  leftOver(): undefined {
    return undefined;
  }

  /** The daemon tells of changes by itself. */
  refresh(): Promise<void> {
    return Promise.resolve();
  }

  /** The device judges. */
  permits(): boolean {
    return true;
  }

  unitAttentions(): UnitAttentions {
    return this.#attentions;
  }

  /** To be called when nothing of the guest's data is left: the next may attach. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #attach(): Promise<PrdConnection> {
    const { addon, socketPath, fd, initiator } = this.#options;
    const connection = await PrdConnection.open(addon, socketPath, {
      quiesce: ({ handle, id, leaseMs }) => {
        // It can be read before the answer to `open` is.
        this.#attached = { connection, handle };
        this.#gate.quiesce(id, leaseMs);
      },
      resume: ({ id, epoch }) => {
        this.#gate.resume(id, epoch);
      },
      conflicts: ({ way }) => {
        this.#gate.conflicts = way;
      },
      unitAttention: ({ senseKey, asc, ascq }) => {
        this.#attentions.establish({ senseKey, asc, ascq });
      },
      changed: () => {
        this.#options.onChange();
      },
    });
    try {
      const opened = await connection.request('open', { attach: { initiator } }, [fd]);
      const { handle } = v.parse(openSchema, opened);
      this.#attached = { connection, handle };
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  async #stayAttached(first: PrdConnection): Promise<void> {
    const stopped = aborted(this.#stop.signal);
    let connection: PrdConnection | undefined = first;
    while (connection !== undefined) {
      const reason = await Promise.race([connection.closed, stopped]);
      if (reason === undefined) {
        await this.#leave();
        return;
      }
      this.#attached = undefined;
      this.#gate.lose();
      this.#options.onReach(reason === '' ? 'it closed the connection' : reason);
      connection = await this.#attachAgain();
      if (connection !== undefined) this.#options.onReach(undefined);
    }
  }

  async #leave(): Promise<void> {
    if (this.#attached === undefined) return;
    const { connection, handle } = this.#attached;
    this.#attached = undefined;
    await connection.request('close', { handle }).catch(() => undefined);
    connection.close();
    this.#gate.lose();
  }

  /** @returns undefined if it was stopped */
  async #attachAgain(): Promise<PrdConnection | undefined> {
    let wait = retryMinMs;
    let trouble = '';
    while (!this.#stop.signal.aborted) {
      try {
        return await this.#attach();
      } catch (error) {
        if (messageOf(error) !== trouble) this.#options.onReach(messageOf(error));
        trouble = messageOf(error);
      }
      await delay(wait, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      wait = Math.min(2 * wait, retryMaxMs);
    }
    return undefined;
  }

  /** Something that needs no answer: if it is lost so is the connection. */
  #tell(ask: (attached: Attached) => Promise<unknown>): void {
    if (this.#attached !== undefined) ask(this.#attached).catch(() => undefined);
  }
}

const openSchema = v.object({ handle: v.number() });
