import type { World } from './world.js';
import { foreign } from './world.js';

/**
 * Watches one world for what must never be: a guest that another host has fenced, and a path of
 * which has a registration while its gate is open.
 */
export class FencingWatch {
  readonly violations: string[] = [];
  readonly #world: World;
  #fenced = false;
  #fences = 0;

  constructor(world: World) {
    this.#world = world;
    let before = this.#ownRegistrations();
    world.array.onExecuted = (nexus, { action }, outcome) => {
      const removes = action === 'preempt' || action === 'preempt-and-abort' || action === 'clear';
      const now = this.#ownRegistrations();
      if (nexus.id === foreign.id && removes && outcome.status === 'good' && before > 0) {
        if (now < before) {
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
  }

  #check(event: string): void {
    if (this.#fenced && this.#world.gate.isOpen && this.#ownRegistrations() > 0) {
      this.violations.push(`${event}: ${this.#world.array.text}`);
    }
  }

  #ownRegistrations(): number {
    return this.#world.paths.filter((path) => this.#world.array.keyOf(path.nexus) !== 0n).length;
  }
}
