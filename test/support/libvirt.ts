import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { inTree } from './images.js';

const run = promisify(execFile);

/** libvirt's own QEMU driver, embedded in virsh, with its whole state in one directory. */
export class Libvirt {
  readonly #root: string;
  readonly #runDirectory: string;

  private constructor(root: string, runDirectory: string) {
    this.#root = root;
    this.#runDirectory = runDirectory;
  }

  /** `runDirectory` appears to the domains as /run/holdfast. */
  static async create(root: string, runDirectory: string): Promise<Libvirt> {
    await mkdir(`${root}/etc`, { recursive: true });
    // Neither libvirt's daemon for logs nor its users and mounts are there.
    await writeFile(
      `${root}/etc/qemu.conf`,
      'stdio_handler = "file"\nnamespaces = []\nuser = "root"\n',
    );
    return new Libvirt(root, runDirectory);
  }

  /**
   * Runs virsh with one command, or with several in one argument, separated by `;`: then the exit
   * code of the last one counts. Returns all that virsh says; if it fails, throws that.
   */
  async virsh(...command: string[]): Promise<string> {
    const virsh = ['virsh', '--quiet', '--connect', `qemu:///embed?root=${this.#root}`, ...command];
    const [enter = '', ...args] = inTree('trixie', virsh, this.#runDirectory);
    const { stdout, stderr } = await run(enter, args, { env: { ...process.env, LC_ALL: 'C' } });
    return stdout + stderr;
  }

  /** Ends the domains that still run: they outlive virsh. */
  close(): void {
    const directory = `${this.#root}/run/qemu`;
    for (const name of readdirSync(directory).filter((name) => name.endsWith('.pid'))) {
      if (name !== 'driver.pid') process.kill(Number(readFileSync(`${directory}/${name}`)));
    }
  }
}
