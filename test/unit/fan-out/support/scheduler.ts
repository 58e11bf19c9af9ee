/** Owns the order in which the simulated world does things. */
export interface Event {
  readonly name: string;
  readonly run: () => void;
  /** Events of one queue come in the order in which they were added. */
  readonly queue: string | undefined;
}

export class Scheduler {
  readonly #events: Event[] = [];
  /** Of every event that was run, in order. */
  readonly history: string[] = [];

  add(name: string, run: () => void, queue?: string): void {
    this.#events.push({ name, run, queue });
  }

  /** Those that may come next. */
  get events(): readonly Event[] {
    return this.#events.filter(
      ({ queue }, index) =>
        queue === undefined || this.#events.findIndex((event) => event.queue === queue) === index,
    );
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
