import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Readable, type Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('../../build/release/holdfast-initiator', import.meta.url));

/** LUN 0 of target 0, in virtio-scsi's flat form. */
export const lun0 = virtioLun(0);

export function virtioLun(lun: number): string {
  return `0100${(0x4000 | lun).toString(16)}00000000`;
}

/** How a SCSI command ended. */
export interface ScsiResult {
  /** VIRTIO_SCSI_S_*, 0 = OK. */
  response: number;
  /** SAM status: 0 GOOD, 2 CHECK CONDITION, 0x18 RESERVATION CONFLICT. */
  status: number;
  residual: number;
  sense: Buffer;
  dataIn: Buffer;
}

export interface ScsiCommand {
  /** Hexadecimal, blanks allowed. */
  cdb: string;
  dataIn?: number;
  dataOut?: Buffer;
  lun?: string;
}

const testUnitReady: ScsiCommand = { cdb: '000000000000' };

/** A holdfast-initiator that runs. */
export interface InitiatorProcess {
  commands: Writable;
  /** What it prints. */
  answers: Readable;
  /** Resolves when it has ended, with what it said of that. */
  ended: Promise<string>;
  /** Ends it and waits for that. */
  end: () => Promise<void>;
}

/**
 * A guest behind vhost-user-scsi that does what a test says: the scripted front end. Or one behind
 * vhost-user-blk, by the SCSI commands of its requests: `response` is VIRTIO_BLK_S_* then.
 */
export class Initiator {
  readonly #process: InitiatorProcess;
  readonly #waiting = new Map<string, (words: string[]) => void>();
  readonly #ready: Promise<void>;
  #next = 0;

  private constructor(process: InitiatorProcess) {
    this.#process = process;
    const lines = createInterface(process.answers);
    void process.ended.then(() => {
      lines.close();
    });
    this.#ready = new Promise((resolve) => {
      lines.on('line', (line) => {
        if (line === 'ready') {
          resolve();
          return;
        }
        const [id = '', ...words] = line.split(' ');
        this.#waiting.get(id)?.(words);
        this.#waiting.delete(id);
      });
    });
  }

  /** Connects; `onEnd` gets what hangs up, by default that happens when the test ends. */
  static connect(
    socketPath: string,
    onEnd: (end: () => Promise<void>) => void = onTestFinished,
    device: 'scsi' | 'blk' = 'scsi',
  ): Promise<Initiator> {
    return Initiator.of(start(socketPath, device), onEnd);
  }

  /** The same for one that runs already, wherever. */
  static async of(
    process: InitiatorProcess,
    onEnd: (end: () => Promise<void>) => void = onTestFinished,
  ): Promise<Initiator> {
    const initiator = new Initiator(process);
    onEnd(() => initiator.leave());
    await Promise.race([initiator.#ready, initiator.#unexpectedEnd()]);
    return initiator;
  }

  /**
   * The same, with a disk that has nothing left to tell: until LUN 0 has no unit attention pending.
   */
  static async attached(...of: Parameters<typeof Initiator.connect>): Promise<Initiator> {
    const initiator = await Initiator.connect(...of);
    await initiator.clearAttentions();
    return initiator;
  }

  async clearAttentions(): Promise<void> {
    while ((await this.execute(testUnitReady)).status !== 0);
  }

  /** Rejects if the back end hangs up first. */
  async execute({ cdb, dataIn = 0, dataOut, lun = lun0 }: ScsiCommand): Promise<ScsiResult> {
    const out = dataOut === undefined || dataOut.length === 0 ? '-' : dataOut.toString('hex');
    const words = await this.#ask(`cmd ${lun} ${cdb.replaceAll(' ', '')} ${dataIn} ${out}`);
    const [response, status, residual, sense = '-', data = '-'] = words;
    return {
      response: Number(response),
      status: Number(status),
      residual: Number(residual),
      sense: bytes(sense),
      dataIn: bytes(data),
    };
  }

  /** @returns VIRTIO_SCSI_S_* of a task management function; `subtype` is virtio's number */
  async manageTask(subtype: number, lun = lun0): Promise<number> {
    const [, response] = await this.#ask(`tmf ${lun} ${subtype}`);
    return Number(response);
  }

  /**
   * What a front end does with the device of a guest that it migrates: 'begin' logs dirty pages,
   * 'stop' stops the rings; where migration fails 'end' logs no more and 'resume' starts the rings.
   */
  async migration(step: 'begin' | 'stop' | 'end' | 'resume'): Promise<void> {
    await this.#ask(`migration ${step}`);
  }

  /** Hangs up, as a guest that is powered off. */
  leave(): Promise<void> {
    return this.#process.end();
  }

  #ask(request: string): Promise<string[]> {
    this.#next += 1;
    const id = String(this.#next);
    const answer = new Promise<string[]>((resolve) => this.#waiting.set(id, resolve));
    this.#process.commands.write(`${id} ${request}\n`);
    return Promise.race([answer, this.#unexpectedEnd()]);
  }

  async #unexpectedEnd(): Promise<never> {
    const why = await this.#process.ended;
    throw new Error(`the initiator ended before an answer came: ${why}`);
  }
}

function start(socketPath: string, device: 'scsi' | 'blk'): InitiatorProcess {
  const child = spawn(program, [device, socketPath], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // Its end says enough.
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(() => stderr.trim());
  return {
    commands: child.stdin,
    answers: child.stdout,
    ended,
    end: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function bytes(hex: string): Buffer {
  return hex === '-' ? Buffer.alloc(0) : Buffer.from(hex, 'hex');
}

/** `key/asc/ascq` in hexadecimal, of fixed or descriptor format. */
export function senseText({ sense }: ScsiResult): string {
  const descriptor = ((sense[0] ?? 0) & 0x7f) >= 0x72;
  const [key, asc, ascq] = descriptor
    ? [sense[1], sense[2], sense[3]]
    : [sense[2], sense[12], sense[13]];
  return [(key ?? 0) & 0xf, asc ?? 0, ascq ?? 0].map((value) => value.toString(16)).join('/');
}
