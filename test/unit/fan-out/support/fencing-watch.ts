import type { SimulatedPath } from './simulated-path.js';
import type { World } from './world.js';
import { foreign } from './world.js';

/**
 * Watches one world for what must never be: a guest that another host has fenced, and a path of
 * which has a registration while its gate is open. No data goes through a dead nexus: that counts
 * when it is preempted, since the other host must rely on the answer, and not afterwards.
 */
export class FencingWatch {
  readonly violations: string[] = [];
  readonly #world: World;
  #fenced = false;
  /** Nothing of the new registration is there yet: what is taken away is what the guest gave up. */
  #begins = false;
  #fences = 0;

  constructor(world: World) {
    this.#world = world;
    let before = this.#registered(world.paths);
    world.array.onExecuted = (nexus, { action }, outcome) => {
      const removes = action === 'preempt' || action === 'preempt-and-abort' || action === 'clear';
      const now = this.#registered(world.paths);
      if (outcome.status === 'good') {
        if (nexus.id !== foreign.id && action === 'register') this.#begins = false;
        if (nexus.id === foreign.id && removes && now < before && !this.#begins) {
          this.#fenced = true;
          this.#fences += 1;
        }
      }
      before = now;
      this.#check(`${nexus.id} ${action}`);
    };
    const open = world.gate.open.bind(world.gate);
    world.gate.open = () => {
      open();
      this.#check('open');
    };
  }

  /** Whether another host has taken a registration from the guest. */
  get fenced(): boolean {
    return this.#fenced;
  }

  /** How often that has happened. */
  get fences(): number {
    return this.#fences;
  }

  /** The guest begins a registration of its own: what it has from now on is its right. */
  forgive(): void {
    this.#fenced = false;
    this.#begins = true;
  }

  /** The guest's command is answered. */
  answered(): void {
    this.#begins = false;
  }

  #check(event: string): void {
    const { gate, paths, source } = this.#world;
    const present = paths.filter((path) => source.list.includes(path));
    if (this.#fenced && gate.isOpen && this.#registered(present) > 0) {
      this.violations.push(`${event}: ${this.#world.array.text}`);
    }
  }

  #registered(paths: readonly SimulatedPath[]): number {
    return paths.filter(({ nexus }) => this.#world.array.keyOf(nexus) !== 0n).length;
  }
}
