/**
 * The guest's own reads and writes of one logical unit, as far as reservations must hold them up.
 * A request passes the gate into the host's kernel, and carries the epoch in which it passed.
 */
export interface DataGate {
  /**
   * Whether every data path of this host to the logical unit passes this gate; may change between
   * two commands. If not, closing it holds up nothing, and what must not run beside the guest's
   * writes is refused with 5/24/00 (fencing rule 20).
   */
  readonly holdsAll: boolean;
  /** From now on requests wait at the gate. */
  close(): void;
  /**
   * Waits until nothing that passed before the call is inside the host's kernel. What met a conflict
   * and waits for a verdict is not inside.
   * @param timeoutMs milliseconds
   * @returns false if it takes longer; the gate stays as it is
   */
  drained(timeoutMs: number): Promise<boolean>;
  /**
   * Lets requests pass again. Those that wait for a verdict are sent again if they passed in the
   * present epoch, else they are answered RESERVATION CONFLICT.
   */
  open(): void;
  /**
   * Begins a new epoch: what passed before and meets a conflict is never sent again (fencing
   * rule 3).
   * @param name of the epoch: a process that goes on with the guest's registration after a crash
   *   goes on in the epoch of that name, too
   */
  beginEpoch(name: string): void;
  /**
   * What becomes of requests that meet RESERVATION CONFLICT at the device: 'judge' lets them wait
   * for a verdict, which `onConflict` asks for; 'answer' gives the guest the conflict at once.
   */
  set conflicts(way: 'judge' | 'answer');
  /** Called when the first request begins to wait for a verdict; close, judge, open. */
  onConflict: () => void;
}
