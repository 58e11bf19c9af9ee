/** A host with two paths, and another host, for scenarios with whoever runs commands on the paths. */
import { type Command, type Contender } from './contenders.js';
import { type LabMachine } from './lab-machine.js';
import { type TargetRegistrant, targetView } from './reservations.js';

const other = '/dev/lab/other-sg';
/** Of tcm_loop's paths 1 and 2, and of the other host. */
const initiatorPrefix = '0x600140500000000';
const otherPath = '3';

/** In which a path that has come back would have got its key. */
const graceSeconds = 3;
const repairSeconds = 30;

export type Path = '1' | '2';

export class FanOutStage {
  readonly #host: LabMachine;
  readonly #contender: Contender;

  constructor(host: LabMachine, contender: Contender) {
    this.#host = host;
    this.#contender = contender;
  }

  run(command: Command): Promise<string> {
    return this.#contender.run(this.#host, command);
  }

  types(): Promise<number[]> {
    return this.#contender.types(this.#host);
  }

  /** What another host does: arguments of `sg_persist --out`. */
  async other(args: string): Promise<void> {
    await this.#host.run(`sg_turs ${other} || true; sg_persist -n --out ${args} ${other}`);
  }

  /** Changes what one own path has registered, past the one who keeps it. */
  async behind(path: Path, args: string): Promise<void> {
    const node = `/dev/lab/path${path}-sg`;
    await this.#host.run(`sg_turs ${node} || true; sg_persist -n --out ${args} ${node}`);
  }

  /** A path fails, and nobody has noticed yet. */
  async fail(path: Path): Promise<void> {
    await this.#host.run(`loop_transport ${path} offline`);
  }

  /** A path fails, and multipathd has noticed. */
  async lose(path: Path): Promise<void> {
    await this.#host.run(`loop_transport ${path} offline
      wait_for '! multipathd show paths format "%d %T" | grep "^$(basename $(readlink -f /dev/lab/path${path})) " | grep -q ready'`);
  }

  async restore(path: Path): Promise<void> {
    await this.#host.run(`loop_transport ${path} online`);
  }

  /** The path that the reservation is held by. */
  async holder(): Promise<Path> {
    const holder = (await this.#registrants()).find(({ holds }) => holds !== undefined);
    const path = holder?.initiator.slice(initiatorPrefix.length);
    if (path !== '1' && path !== '2') throw new Error('no own path holds a reservation');
    return path;
  }

  /** Who is registered: own paths, then the other host; `*` marks who holds. */
  async state(): Promise<string> {
    const all = await this.#registrants();
    const isOther = ({ initiator }: TargetRegistrant) => initiator.endsWith(otherPath);
    const text = ({ key, holds }: TargetRegistrant) => `${key}${holds === undefined ? '' : '*'}`;
    const own = all.filter((registrant) => !isOther(registrant)).map(text);
    const others = all.filter(isOther).map((registrant) => `other ${text(registrant)}`);
    // Holders first: which of the paths holds is nobody's business.
    const sorted = own.sort((one, two) => Number(two.endsWith('*')) - Number(one.endsWith('*')));
    return [...sorted, ...others].join(' ') || 'nobody';
  }

  /** @returns the state as soon as it is the expected one, or as it is when there was time enough */
  async comes(expected: string): Promise<string> {
    await this.#ready();
    const end = performance.now() + repairSeconds * 1000;
    for (;;) {
      const state = await this.state();
      if (state === expected || performance.now() > end) return state;
    }
  }

  /** The state when both paths are back and whoever repairs them has had time to. */
  async remains(): Promise<string> {
    await this.#ready();
    await this.#host.run(`sleep ${graceSeconds}`);
    return this.state();
  }

  /** As set up: both paths work, nobody is registered. */
  async reset(): Promise<void> {
    for (const path of ['1', '2'] as const) await this.restore(path);
    await this.#ready();
    await this.other('--register-ignore --param-sark=f2');
    await this.other('--clear --param-rk=f2');
  }

  async #ready(): Promise<void> {
    await this.#host.run("wait_for '[ $(ready_paths) = 2 ]'");
  }

  #registrants(): Promise<TargetRegistrant[]> {
    return targetView(this.#host, other);
  }
}
