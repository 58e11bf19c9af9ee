/**
 * Reads and writes of this host that reach a logical unit without the daemon, and can be held up:
 * by asking the process that sends them, or by suspending the map they pass.
 */
export interface DataPath {
  /** Begins to hold it up. */
  stop(): void;
  /**
   * Waits until nothing of it is inside the kernel; to be called after `stop`.
   * @param timeoutMs milliseconds
   * @returns false if it takes longer; it may yet come to a stop
   */
  stopped(timeoutMs: number): Promise<boolean>;
  /** Lets it go on. @param epoch the present one: see `DataGate.beginEpoch` */
  resume(epoch: string): void;
  /** What becomes of requests that meet a conflict, see `DataGate.conflicts`. */
  setConflicts(way: 'judge' | 'answer'): void;
}
