import type { Path } from '../pr/path.js';
import type { PathTransport } from '../pr/transport.js';
import type { PathNode } from '../transports/path-node.js';
import { messageOf } from '../util/failure.js';
import { absentTransport } from './absent-transport.js';
import type { PathPlace } from './map-topology.js';
import { worst, type PathCondition } from './path-condition.js';
import type { PathFacts } from './path-facts.js';
import { pathNode } from './path-node.js';

/** Opens a path; rejects with the reason if none of its nodes can be. */
export type OpenPath = (node: PathNode) => Promise<PathTransport>;

/** How long the device may take to say what logical unit it is, milliseconds. */
const identityTimeout = 2000;

const unproven: PathCondition = {
  state: 'down',
  reason: 'it has not said yet which logical unit it leads to',
};

/**
 * One path from the moment it was found, with its transport. It is down until the device has said,
 * on the very descriptor that will carry commands, that it is the right logical unit, and again
 * after each time it was down (fencing rule 11).
 */
export class KeptPath {
  readonly #wwid: string;
  readonly #open: OpenPath;
  #facts: PathFacts;
  #place: PathPlace | undefined;
  #transport: PathTransport | undefined;
  #identity: PathCondition = unproven;
  #isProving = false;
  #isClosed = false;
  #isStranger = false;

  /** @param wwid of the logical unit that it must lead to */
  constructor(facts: PathFacts, wwid: string, open: OpenPath) {
    this.#facts = facts;
    this.#wwid = wwid;
    this.#open = open;
  }

  /** What must stay the same for the transport to stay open. */
  static key({ id, name, instance }: PathFacts): string {
    return [id, name, instance].join(' ');
  }

  /** The device has said that it is another logical unit, whatever sysfs says. */
  get isStranger(): boolean {
    return this.#isStranger;
  }

  get name(): string {
    return this.#facts.name;
  }

  /** sysfs comes first, then multipathd, then the device itself. */
  get condition(): PathCondition {
    return worst([...this.#seen(), this.#identity]);
  }

  get path(): Path {
    const { id, name, initiator } = this.#facts;
    const lateExecutionMs = this.#facts.kind === 'nvme' ? this.#facts.lateExecutionMs : undefined;
    const { state, reason } = this.condition;
    const transport = this.#transport ?? absentTransport(name, reason ?? 'it is not open');
    const group = this.#place?.group ?? 0;
    return { id, name, state, group, transport, initiator, lateExecutionMs };
  }

  /** @param place what multipathd says of it, undefined if nothing */
  update(facts: PathFacts, place: PathPlace | undefined): void {
    this.#facts = facts;
    this.#place = place;
    if (this.#isDown()) this.#identity = unproven;
  }

  /** Opens it and asks for its identity, if that is to be done now; never rejects. */
  async prove(): Promise<void> {
    if (!this.#wantsProof()) return;
    this.#isProving = true;
    const before = (this.#identity = { ...unproven });
    const identity = await this.#ask();
    // What it said before it went down is worth nothing.
    if (this.#identity === before) this.#identity = identity;
    this.#isProving = false;
    if (this.#isClosed) await this.close();
  }

  /** Closes the transport, also one that is only being opened. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const transport = this.#transport;
    this.#transport = undefined;
    await transport?.close();
  }

  #seen(): PathCondition[] {
    return [this.#facts.condition, this.#place?.condition ?? { state: 'up' }];
  }

  #wantsProof(): boolean {
    const isProven = this.#identity.state === 'up';
    const isOver = this.#isClosed || this.#isStranger;
    return !isProven && !isOver && !this.#isProving && !this.#isDown();
  }

  #isDown(): boolean {
    return worst(this.#seen()).state === 'down';
  }

  async #ask(): Promise<PathCondition> {
    try {
      this.#transport ??= await this.#open(pathNode(this.#facts, this.#wwid));
    } catch (error) {
      return { state: 'down', reason: messageOf(error) };
    }
    const identity = await this.#transport.identify(performance.now() + identityTimeout);
    if (identity === 'same') return { state: 'up' };
    this.#isStranger = identity === 'other';
    return identity === 'other'
      ? { state: 'down', reason: 'it leads to another logical unit' }
      : unproven;
  }
}
