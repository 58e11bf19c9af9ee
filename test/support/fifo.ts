import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { scratchFolder } from './scratch.js';

/** A pipe in the file system: opening it for reading hangs in the kernel until release(). */
export class Fifo {
  readonly path = join(scratchFolder(), 'fifo');

  constructor() {
    execFileSync('mkfifo', [this.path]);
    // What a failed test leaves hanging, too.
    onTestFinished(() => {
      this.release();
    });
  }

  /** Lets go of the readers there are; of none, if none has begun yet. */
  release(): void {
    closeSync(openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK));
  }
}
