import type { PrCommand } from '../pr/command.js';
import type { PrOutcome } from '../pr/outcome.js';
import type { ReservationKey, ReservationType } from '../pr/reservation.js';

/** What carries commands to a logical unit: the paths of this host, or the daemon that has them. */
export interface Carrier {
  /** Never rejects. */
  execute(command: PrCommand): Promise<PrOutcome>;
  /** Resolves when nothing of the device is used any more. Registrations stay. */
  close(): Promise<void>;
}

/**
 * The persistent reservations of one logical unit, for which this host is one registrant whatever
 * paths lead to it. A refusal is a result like any other and no exception: `status` says what the
 * device answered, CHECK CONDITION with its sense data (SPC-4 §5.13). 0B/08/01 means that nobody
 * knows whether the command was executed: read. BUSY: it was not, ask again.
 */
export class Reservations {
  readonly #carrier: Carrier;

  /** For carriers of one's own; see `openDevice` and `openThroughDaemon`. */
  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  /** Any command, after all earlier ones. */
  execute(command: PrCommand): Promise<PrOutcome> {
    return this.#carrier.execute(command);
  }

  /** READ KEYS: every registration's key; this host's own paths count once. */
  readKeys(): Promise<PrOutcome> {
    return this.execute({ action: 'read-keys' });
  }

  readReservation(): Promise<PrOutcome> {
    return this.execute({ action: 'read-reservation' });
  }

  readFullStatus(): Promise<PrOutcome> {
    return this.execute({ action: 'read-full-status' });
  }

  reportCapabilities(): Promise<PrOutcome> {
    return this.execute({ action: 'report-capabilities' });
  }

  /**
   * REGISTER on every path.
   * @param oldKey the key registered so far, 0n for none
   * @param newKey 0n unregisters
   * @param aptpl whether all registrations outlive the device's loss of power
   */
  register(oldKey: ReservationKey, newKey: ReservationKey, aptpl = false): Promise<PrOutcome> {
    return this.execute({
      action: 'register',
      prkey: oldKey,
      serviceActionKey: newKey,
      aptpl,
      allTgPt: false,
      specIPt: undefined,
    });
  }

  /** REGISTER AND IGNORE EXISTING KEY on every path; the parameters are those of `register`. */
  registerAndIgnore(newKey: ReservationKey, aptpl = false): Promise<PrOutcome> {
    const action = 'register-and-ignore-existing-key';
    return this.execute({ action, serviceActionKey: newKey, aptpl, allTgPt: false });
  }

  reserve(key: ReservationKey, type: ReservationType): Promise<PrOutcome> {
    return this.execute({ action: 'reserve', prkey: key, scope: 'logical-unit', type });
  }

  release(key: ReservationKey, type: ReservationType): Promise<PrOutcome> {
    return this.execute({ action: 'release', prkey: key, scope: 'logical-unit', type });
  }

  clear(key: ReservationKey): Promise<PrOutcome> {
    return this.execute({ action: 'clear', prkey: key });
  }

  /**
   * PREEMPT, or with `abort` PREEMPT AND ABORT.
   * @param victimKey all of whose registrations go
   * @param type of the reservation, should the victim hold one
   */
  preempt(
    key: ReservationKey,
    victimKey: ReservationKey,
    type: ReservationType,
    { abort = false } = {},
  ): Promise<PrOutcome> {
    return this.execute({
      action: abort ? 'preempt-and-abort' : 'preempt',
      prkey: key,
      serviceActionKey: victimKey,
      scope: 'logical-unit',
      type,
    });
  }

  /** Lets go of the device; the registrations stay. */
  close(): Promise<void> {
    return this.#carrier.close();
  }
}
