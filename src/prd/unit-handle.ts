import type { Sense } from '../pr/sense.js';
import type { UnitHold } from './logical-units.js';
import type { Notifications } from './protocol.js';
import { QuiesceLease } from './quiesce-lease.js';
import type { SharedUnit, UnitAttachment } from './shared-unit.js';

/** From one `quiesce` to the next, milliseconds. */
const leaseMs = 6_000;

export type Notify = <Name extends keyof Notifications>(
  method: Name,
  params: Omit<Notifications[Name], 'handle'>,
) => void;

/** A logical unit that a client of the daemon's own protocol has open. */
export class UnitHandle implements UnitAttachment {
  readonly unit: SharedUnit;
  readonly writable: boolean;
  readonly pid: number;
  readonly lease: QuiesceLease;
  readonly #hold: UnitHold;
  readonly #notify: Notify;
  readonly #closed = new AbortController();
  #initiator: string | undefined;
  #connected = true;

  /** @param notify tells the client, about this handle */
  constructor(hold: UnitHold, writable: boolean, pid: number, notify: Notify) {
    this.#hold = hold;
    this.unit = hold.unit;
    this.writable = writable;
    this.pid = pid;
    this.#notify = notify;
    this.lease = new QuiesceLease(
      {
        quiesce: (id, leaseMs) => {
          notify('quiesce', { id, leaseMs });
        },
        resume: (id, epoch) => {
          notify('resume', { id, epoch });
        },
        conflicts: (way) => {
          notify('conflicts', { way });
        },
      },
      leaseMs,
    );
    const tell = () => {
      notify('changed', {});
    };
    this.unit.events.addEventListener('change', tell, { signal: this.#closed.signal });
  }

  /** Empty: not attached. */
  get initiator(): string {
    return this.#initiator ?? '';
  }

  get attached(): boolean {
    return this.#initiator !== undefined;
  }

  connected(): boolean {
    return this.#connected;
  }

  unitAttention({ senseKey, asc, ascq }: Sense): void {
    this.#notify('unitAttention', { senseKey, asc, ascq });
  }

  /** Makes the client the one that serves the logical unit. @returns why not */
  attach(initiator: string): string | undefined {
    this.#initiator = initiator;
    const refusal = this.unit.attach(this);
    if (refusal !== undefined) this.#initiator = undefined;
    return refusal;
  }

  /** Why this handle may not change anything, if so. */
  get obstacle(): string | undefined {
    const initiator = this.unit.attachedInitiator;
    if (this.attached || initiator === undefined) return undefined;
    return `${this.unit.name} is served to ${initiator}`;
  }

  /** The client is done with it: nothing of its data is left. */
  detach(): void {
    if (this.attached) this.unit.detach(this);
    this.disconnect();
  }

  /** The connection has ended, and who knows what the client does. */
  disconnect(): void {
    this.#connected = false;
    this.lease.lose();
    this.#closed.abort();
  }

  /** To be called when none of its requests runs any more. */
  release(): void {
    this.#hold.release();
  }
}
