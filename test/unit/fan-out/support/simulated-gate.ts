import type { DataGate } from '../../../../src/pr/data-gate.js';

/** The guest's data, as far as it passes or waits. */
export class SimulatedGate implements DataGate {
  holdsAll = true;
  isOpen = true;
  conflicts: 'judge' | 'answer' = 'answer';
  epoch = 0;
  /** As it was named. */
  name = '';
  /** What `drained` answers. */
  drains = true;
  onConflict: () => void = () => undefined;
  /** `close`, `drain`, `epoch`, `open`, in order. */
  readonly log: string[] = [];
  /** Epochs of requests that wait for a verdict. */
  #waiting: number[] = [];
  /** What became of them: `again` or `conflict`. */
  readonly verdicts: string[] = [];

  close(): void {
    this.isOpen = false;
    this.log.push('close');
  }

  drained(): Promise<boolean> {
    this.log.push('drain');
    return Promise.resolve(this.drains);
  }

  open(): void {
    this.isOpen = true;
    this.log.push('open');
    for (const epoch of this.#waiting.splice(0)) {
      this.verdicts.push(epoch === this.epoch ? 'again' : 'conflict');
    }
  }

  beginEpoch(name: string): void {
    this.name = name;
    this.epoch += 1;
    this.log.push('epoch');
  }

  /** A write met RESERVATION CONFLICT at the device. */
  meetConflict(): void {
    if (this.conflicts === 'answer') {
      this.verdicts.push('conflict');
      return;
    }
    this.#waiting.push(this.epoch);
    if (this.#waiting.length === 1) this.onConflict();
  }
}
