/** Owns the order in which the simulated world does things. */
export interface Event {
  readonly name: string;
  readonly run: () => void;
}

export class Scheduler {
  readonly #events: Event[] = [];
  /** Of every event that was run, in order. */
  readonly history: string[] = [];

  add(name: string, run: () => void): void {
    this.#events.push({ name, run });
  }

  get events(): readonly Event[] {
    return this.#events;
  }

  run(event: Event): void {
    this.#events.splice(this.#events.indexOf(event), 1);
    this.history.push(event.name);
    event.run();
  }
}

/** Lets every promise that can go on do so. */
export function idle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
