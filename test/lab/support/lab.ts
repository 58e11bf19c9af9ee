import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { exclusively } from '../../support/file-lock.js';
import {
  buildLabImages,
  checkout,
  type LabKernel,
  labKernelFiles,
  labRoot,
} from '../../support/images.js';
import { packHoldfast } from './holdfast-disk.js';
import { LabMachine, type LabMachineOptions } from './lab-machine.js';
import { hostFiles, hostFunctions, type LabSetup, setupScript } from './lab-setup.js';

const cache = `${checkout}.cache/lab`;
const setupMilliseconds = 300_000;

/** The machines of one set-up: booted and set up once, saved, then restored for each scenario. */
export class Lab {
  readonly #kernel: LabKernel;
  readonly #setup: LabSetup;
  #snapshot = '';
  #holdfast = '';
  #directory = '';
  #machines: LabMachine[] = [];

  constructor(kernel: LabKernel, setup: LabSetup) {
    this.#kernel = kernel;
    this.#setup = setup;
  }

  /** The first machine of the set-up. */
  get host(): LabMachine {
    return this.#machine(0);
  }

  /** The second one. */
  get peer(): LabMachine {
    return this.#machine(1);
  }

  /** Where logs of this run go. */
  get directory(): string {
    return this.#directory;
  }

  /** Makes what is missing: images, the packed holdfast, the snapshot. */
  async prepare(): Promise<void> {
    await buildLabImages(this.#kernel);
    await mkdir(cache, { recursive: true });
    this.#holdfast = await packHoldfast(cache);
    const name = `${this.#kernel}-${this.#setup.name}`;
    this.#snapshot = `${cache}/snapshot-${name}-${await this.#key()}`;
    await exclusively(`${cache}/lock-${name}`, async () => {
      if (existsSync(this.#snapshot)) return;
      for (const old of await readdir(cache)) {
        if (old.startsWith(`snapshot-${name}-`)) await rm(`${cache}/${old}`, { recursive: true });
      }
      await this.#makeSnapshot();
    });
  }

  /**
   * Restores the machines.
   * @param name of the run; its logs go to .cache/lab/logs/NAME
   */
  async restore(name: string): Promise<void> {
    await this.#openDirectory(name);
    for (const index of this.#setup.scripts.keys()) {
      await this.#start(index, { snapshot: this.#snapshotOf(this.#snapshot, index) });
    }
    const machines = [...this.#machines.entries()];
    await Promise.all(
      machines.map(([i, machine]) => machine.load(this.#snapshotOf(this.#snapshot, i))),
    );
    await Promise.all(machines.map(([, machine]) => machine.resume()));
    await Promise.all(
      machines.map(([, machine]) =>
        machine.run('mkdir -p /opt/holdfast; mount -t erofs -o ro /dev/vdc /opt/holdfast'),
      ),
    );
  }

  /** Ends the machines; `failed`: keeps the logs. */
  async end(failed: boolean): Promise<void> {
    if (failed) await this.#collectLogs();
    for (const machine of this.#machines.splice(0).reverse()) await machine.kill();
    if (!failed) await rm(this.#directory, { recursive: true, force: true });
  }

  async #makeSnapshot(): Promise<void> {
    const name = `setup-${this.#kernel}-${this.#setup.name}`;
    await this.#openDirectory(name);
    const unfinished = await mkdtemp(`${cache}/unfinished-`);
    let failed = true;
    try {
      for (const index of this.#setup.scripts.keys()) await this.#start(index, {});
      const functions = await Promise.all(hostFunctions.map((path) => readFile(path, 'utf8')));
      await Promise.all(
        this.#machines.map(async (machine, index) => {
          await machine.booted();
          await machine.write('/lab/lib.sh', functions.join('\n'));
          for (const [path, source] of Object.entries(hostFiles)) {
            await machine.write(path, await readFile(source, 'utf8'));
          }
          await machine.run('install_holdfast');
          const script = await readFile(setupScript(this.#setup.scripts[index] ?? ''), 'utf8');
          await machine.run(script, setupMilliseconds);
        }),
      );
      await Promise.all(this.#machines.map((machine) => machine.pause()));
      await Promise.all(
        this.#machines.map((machine, index) => machine.save(this.#snapshotOf(unfinished, index))),
      );
      await rename(unfinished, this.#snapshot);
      failed = false;
    } finally {
      await rm(unfinished, { recursive: true, force: true });
      await this.end(failed);
    }
  }

  async #openDirectory(name: string): Promise<void> {
    this.#directory = `${cache}/logs/${name}`;
    await rm(this.#directory, { recursive: true, force: true });
    await mkdir(this.#directory, { recursive: true });
  }

  async #start(index: number, more: Pick<LabMachineOptions, 'snapshot'>): Promise<void> {
    const pair = this.#setup.scripts.length > 1;
    const machine = new LabMachine({
      kernel: this.#kernel,
      directory: this.#directory,
      name: pair ? `machine${index}` : 'machine',
      holdfast: this.#holdfast,
      ...(pair ? { network: index === 0 ? 'listens' : 'connects' } : {}),
      ...more,
    });
    this.#machines.push(machine);
    await machine.started();
  }

  #machine(index: number): LabMachine {
    const machine = this.#machines[index];
    if (machine === undefined) throw new Error(`no machine ${index} runs`);
    return machine;
  }

  #snapshotOf(directory: string, index: number): string {
    return `${directory}/machine${index}`;
  }

  /** Changes with all that a snapshot depends on. */
  async #key(): Promise<string> {
    const hash = createHash('sha256');
    const machineSource = fileURLToPath(new URL('lab-machine.ts', import.meta.url));
    const scripts = this.#setup.scripts.map(setupScript);
    for (const path of [machineSource, ...hostFunctions, ...Object.values(hostFiles), ...scripts]) {
      hash.update(await readFile(path));
    }
    for (const path of [labRoot, ...Object.values(labKernelFiles(this.#kernel))]) {
      const { size, mtimeMs } = await stat(path);
      hash.update(`${path} ${size} ${mtimeMs}\n`);
    }
    return hash.digest('hex').slice(0, 12);
  }

  /** What a machine can still tell; nothing, if it is stuck. */
  async #collectLogs(): Promise<void> {
    const script = `tail -v -c 100000 $logs/*.log; dmesg | tail -n 300; ps -eo pid,user,stat,args`;
    await Promise.all(
      this.#machines.map(async (machine, index) => {
        const tale = await machine.run(script, 10_000).catch(String);
        await writeFile(`${this.#directory}/machine${index}.log`, tale);
      }),
    );
    console.error(`logs of the lab: ${this.#directory}`);
  }
}
