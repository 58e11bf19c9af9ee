import type { DataGate } from '../../../../src/pr/data-gate.js';

/** A guest's gate, with data that is inside for as long as the test wants. */
export class SimulatedGate implements DataGate {
  readonly holdsAll = true;
  isOpen = true;
  epoch = 0;
  way: 'judge' | 'answer' | undefined;
  /** Waited for by every drain. */
  inside: Promise<void> = Promise.resolve();
  onConflict: () => void = () => undefined;

  set conflicts(way: 'judge' | 'answer') {
    this.way = way;
  }

  close(): void {
    this.isOpen = false;
  }

  open(): void {
    this.isOpen = true;
  }

  beginEpoch(): void {
    this.epoch++;
  }

  async drained(): Promise<boolean> {
    await this.inside;
    return true;
  }
}
