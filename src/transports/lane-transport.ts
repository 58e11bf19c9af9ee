import type { PrCommand } from '../pr/command.js';
import type { PathIdentity, PathOutcome, PathTransport, TransportLimits } from '../pr/transport.js';
import type { LaneFile } from './lane-file.js';
import { late, notSent, unknown } from './path-outcome.js';
import type { Program, Run } from './program.js';

/** What one kind of node understands. */
export interface PathProtocol {
  readonly limits: TransportLimits;
  reservation(command: PrCommand): Program<PathOutcome>;
  /** TEST UNIT READY, or what stands for it. */
  readiness(): Program<PathOutcome>;
  identification(): Program<PathIdentity>;
}

/** A transport that speaks to a device node by ioctls. */
export class LaneTransport implements PathTransport {
  readonly name: string;
  readonly #file: LaneFile;
  readonly #protocol: PathProtocol;

  /** @param name fit for messages: `sdc (2:0:0:1) by sg` */
  constructor(name: string, file: LaneFile, protocol: PathProtocol) {
    this.name = name;
    this.#file = file;
    this.#protocol = protocol;
  }

  get limits(): TransportLimits {
    return this.#protocol.limits;
  }

  async execute(command: PrCommand, deadline: number): Promise<PathOutcome> {
    return outcomeOf(await this.#file.run(this.#protocol.reservation(command), deadline));
  }

  async probe(deadline: number): Promise<PathOutcome> {
    return outcomeOf(await this.#file.run(this.#protocol.readiness(), deadline));
  }

  async identify(deadline: number): Promise<PathIdentity> {
    const run = await this.#file.run(this.#protocol.identification(), deadline);
    return run.kind === 'done' ? run.result : 'unknown';
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function outcomeOf(run: Run<PathOutcome>): PathOutcome {
  switch (run.kind) {
    case 'done':
      return run.result;
    case 'not-made':
      return notSent(run.reason);
    case 'unfinished':
      return unknown(run.reason);
    case 'late':
      return late('no answer by the deadline', run.returned.then(outcomeOf));
  }
}
