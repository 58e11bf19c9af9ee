import { within } from '../../support/deadline.js';
import { GuestAgent } from '../../support/guest-agent.js';
import { type LabMachine } from './lab-machine.js';

const bootMilliseconds = 120_000;

/** A guest of user-mode Linux in a lab machine, with a cluster node's software and one SCSI disk. */
export class LabGuest {
  readonly #agent: GuestAgent;

  private constructor(machine: LabMachine, number: number) {
    this.#agent = new GuestAgent(machine.guestPort(number));
  }

  /**
   * Boots guest `number` (from 1) of the machine.
   * @param socketPath in the machine, where its disk is served
   */
  static async boot(machine: LabMachine, number: number, socketPath: string): Promise<LabGuest> {
    const guest = new LabGuest(machine, number);
    await machine.run(`boot_guest ${number} ${socketPath}`);
    await within(bootMilliseconds, 'the guest in the lab', guest.#agent.booted());
    await guest.run('until [ -b /dev/sda ]; do usleep 10000; done');
    return guest;
  }

  /** Runs a shell script in the guest: see GuestAgent.run. */
  run(script: string, timeoutMs?: number): Promise<string> {
    return this.#agent.run(script, timeoutMs);
  }
}
