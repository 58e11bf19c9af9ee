import { appendFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { type Duplex } from 'node:stream';

import { GuestAgent } from '../../support/guest-agent.js';
import { GuestProcess } from '../../support/guest-process.js';
import { inTree, type LabKernel, labKernelFiles, labRoot } from '../../support/images.js';
import { QmpClient } from '../../support/qmp-client.js';

/** Scripts that can run in a machine at a time. */
const agentCount = 6;
/** User-mode Linux guests that can run in a machine. */
const guestCount = 2;

const firstAgent = 3;
const monitor = firstAgent + agentCount;
const firstGuest = monitor + 1;
const sockets = agentCount + 1 + guestCount;

/** For a script: it may wait until a program of Node.js has started, which is emulated. */
const scriptMilliseconds = 330_000;

export interface LabMachineOptions {
  kernel: LabKernel;
  /** Directory of the run, for its log, its transcript and the network's socket. */
  directory: string;
  /** Distinguishes the machines of a run in file names. */
  name: string;
  /** Image of holdfast, mounted at /opt/holdfast once the machine runs. */
  holdfast: string;
  /** File with a saved state to go on from; otherwise the machine boots. */
  snapshot?: string;
  /** End of the cable between two machines; `listens` is to be started first. */
  network?: 'listens' | 'connects';
}

/** A virtual machine that is a multipath host. */
export class LabMachine extends GuestProcess {
  readonly #qmp: QmpClient;
  readonly #agents: GuestAgent[];
  readonly #transcript: string;
  readonly #started = performance.now();

  constructor(options: LabMachineOptions) {
    const { directory, name } = options;
    super({
      // Killed with the test, in whatever state it is then.
      command: ['setpriv', '--pdeathsig', 'KILL', ...inTree('trixie', qemuCommand(options))],
      cwd: directory,
      log: `${directory}/${name}-console.log`,
      sockets,
    });
    this.#transcript = `${directory}/${name}-transcript.log`;
    this.#qmp = new QmpClient(this.socket(monitor));
    const more = Array.from({ length: agentCount - 1 }, (_, index) => firstAgent + 1 + index);
    this.#agents = [this.agent, ...more.map((fd) => new GuestAgent(this.socket(fd)))];
  }

  /** Waits until QEMU takes commands. */
  async started(): Promise<void> {
    await this.explain(this.#qmp.negotiate());
    await this.#qmp.execute('migrate-set-capabilities', {
      capabilities: [{ capability: 'events', state: true }],
    });
  }

  /** Waits until a machine that boots runs scripts. */
  override async booted(): Promise<void> {
    for (const agent of this.#agents) await this.explain(agent.booted());
  }

  /**
   * Runs a shell script as root, with the functions of test/lab/host, up to its first command that
   * fails; several may run at a time.
   * @returns what it printed on stdout and stderr
   * @throws Error with that in the message if it ends with another code than 0, or not in time; it
   *   goes on running then, and the next script doesn't wait for it
   */
  override async run(script: string, timeoutMs = scriptMilliseconds): Promise<string> {
    const agent = this.#idleAgent();
    const start = performance.now();
    let result = '';
    try {
      result = await this.explain(agent.run(`. /lab/lib.sh\nset -e\n${script}`, timeoutMs));
      return result;
    } catch (error) {
      result = String(error);
      throw error;
    } finally {
      const [from, to] = [start, performance.now()].map((time) =>
        ((time - this.#started) / 1000).toFixed(2),
      );
      appendFileSync(this.#transcript, `--- ${from} s - ${to} s\n${script}\n>>>\n${result}\n`);
    }
  }

  /** Writes a file in the machine. */
  async write(path: string, content: string): Promise<void> {
    const encoded = Buffer.from(content).toString('base64');
    await this.#idleAgent().run(`base64 -d >${path} <<'END'\n${encoded}\nEND`);
  }

  /** The host's end of the port that guest `number` (from 1) of the machine has as its agent's. */
  guestPort(number: number): Duplex {
    if (number < 1 || number > guestCount) throw new Error(`no port for guest ${number}`);
    return this.socket(firstGuest + number - 1);
  }

  async pause(): Promise<void> {
    await this.#qmp.execute('stop');
  }

  async resume(): Promise<void> {
    await this.#qmp.execute('cont');
  }

  /** Saves the state of a paused machine and ends it. */
  async save(snapshot: string): Promise<void> {
    await this.#qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
    await this.#migrate('migrate', `file:${snapshot}.new`);
    await this.#qmp.execute('quit');
    await this.exited;
    await rename(`${snapshot}.new`, snapshot);
  }

  /** Loads a state; the machine stays paused. */
  async load(snapshot: string): Promise<void> {
    await this.#migrate('migrate-incoming', `file:${snapshot}`);
  }

  #idleAgent(): GuestAgent {
    const agent = this.#agents.find(({ idle }) => idle);
    if (agent === undefined) throw new Error(`${agentCount} scripts run already`);
    return agent;
  }

  async #migrate(command: string, uri: string): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      this.#qmp.on('MIGRATION', ({ status }: { status: string }) => {
        if (status === 'completed') resolve();
        if (status === 'failed') reject(new Error(`${command} ${uri} failed`));
      });
    });
    await this.explain(Promise.all([this.#qmp.execute(command, { uri }), ended]));
    this.#qmp.removeAllListeners('MIGRATION');
  }
}

function qemuCommand({ kernel, name, holdfast, snapshot, network }: LabMachineOptions): string[] {
  const { vmlinuz, initramfs, modules } = labKernelFiles(kernel);
  return [
    'qemu-system-x86_64',
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max,-cx16'],
    ...['-smp', '2', '-m', '1536', '-nodefaults', '-no-reboot', '-display', 'none'],
    ...['-kernel', vmlinuz, '-initrd', initramfs],
    // no_timer_check: on a busy machine the kernel finds its timer too late and panics.
    ...[
      '-append',
      `console=ttyS0 quiet panic=-1 no_timer_check net.ifnames=0 agents=${agentCount}`,
    ],
    ...['-chardev', `file,id=console,path=${name}-console.log,append=on`],
    ...['-serial', 'chardev:console'],
    ...[labRoot, modules, holdfast].flatMap((file, index) => packedDisk(index, file)),
    ...['-device', 'virtio-serial-pci'],
    ...ports('agent', agentCount, firstAgent),
    ...ports('guest', guestCount, firstGuest),
    ...['-chardev', `socket,id=monitor,fd=${monitor}`, '-mon', 'chardev=monitor,mode=control'],
    ...(network === undefined ? [] : cable(network)),
    ...(snapshot === undefined ? [] : ['-S', '-incoming', 'defer']),
  ];
}

function packedDisk(index: number, file: string): string[] {
  return [
    ...['-drive', `file=${file},if=none,id=disk${index},format=raw,readonly=on`],
    ...['-device', `virtio-blk-pci,drive=disk${index}`],
  ];
}

function ports(kind: string, count: number, firstFd: number): string[] {
  return Array.from({ length: count }, (_, index) => [
    ...['-chardev', `socket,id=${kind}${index},fd=${firstFd + index}`],
    ...['-device', `virtserialport,chardev=${kind}${index},name=${kind}.${index + 1}`],
  ]).flat();
}

function cable(end: 'listens' | 'connects'): string[] {
  const [server, address] = end === 'listens' ? ['on', '01'] : ['off', '02'];
  return [
    ...['-netdev', `stream,id=cable,server=${server},addr.type=unix,addr.path=cable.sock`],
    ...['-device', `virtio-net-pci,netdev=cable,mac=52:54:00:00:00:${address}`],
  ];
}
