import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type GuestProcess } from '../../support/guest-process.js';
import { checkout } from '../../support/images.js';

const minute = 60_000;
/** Each has a request in flight. */
export const writers = 32;
const blocksOfEach = 32;

/** What verified-writer.py reports. */
export interface Report {
  written: number;
  read: number;
  wrong: [block: number, expected: number, found: number][];
  errors: number[];
}

/** Writes and reads in the guest that check each other, until the load is stopped. */
export class VerifiedLoad {
  readonly #guest: GuestProcess;

  private constructor(guest: GuestProcess) {
    this.#guest = guest;
  }

  static async start(guest: GuestProcess, disk: string): Promise<VerifiedLoad> {
    const program = await readFile(`${checkout}test/interop/guest/verified-writer.py`, 'utf8');
    await guest.run(`cat >/run/writer.py <<'END'\n${program}\nEND`);
    // Neighbouring writes of two writers would be merged, and count as one.
    await guest.run(`
      until [ -b ${disk} ]; do usleep 10000; done
      echo 2 >/sys/block/${basename(disk)}/queue/nomerges
      python3 /run/writer.py ${disk} ${writers} ${blocksOfEach} >/run/log 2>&1 &`);
    return new VerifiedLoad(guest);
  }

  /** Resolves when as many more requests have ended as there can be in flight. */
  async goesOn(): Promise<void> {
    await this.#guest.run(
      `until [ -s /run/progress ]; do usleep 10000; done
       enough=$(($(cat /run/progress) + ${2 * writers}))
       until [ $(cat /run/progress) -gt $enough ] || [ -e /run/report ]; do usleep 10000; done`,
      5 * minute,
    );
  }

  async stop(): Promise<Report> {
    const json = await this.#guest.run(
      'touch /run/stop; until [ -e /run/report ]; do usleep 10000; done; cat /run/report',
      5 * minute,
    );
    return JSON.parse(json) as Report;
  }
}
