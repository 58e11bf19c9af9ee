import type { DataGate } from '../pr/data-gate.js';

/** The gate of data that passes none: others read and write the device, and nothing here stops them. */
export class ForeignData implements DataGate {
  readonly holdsAll = false;
  conflicts: 'judge' | 'answer' = 'answer';
  onConflict: () => void = () => undefined;

  close(): void {
    // Nothing to hold up: what must not run beside data is refused, see holdsAll.
  }

  drained(): Promise<boolean> {
    return Promise.resolve(false);
  }

  open(): void {
    // See close.
  }

  beginEpoch(): void {
    // No request carries one.
  }
}
