/** Somewhere the code under test waits until the test lets it pass. */
export class Gate<Value> {
  /** Resolves when the code under test has come to the gate. */
  readonly reached: Promise<void>;
  /** Lets it pass with a value. */
  readonly open: (value: Value) => void;
  readonly #passed: Promise<Value>;
  readonly #reach: () => void;

  constructor() {
    let reach: () => void = () => undefined;
    let open: (value: Value) => void = () => undefined;
    this.reached = new Promise((resolve) => {
      reach = resolve;
    });
    this.#passed = new Promise((resolve) => {
      open = resolve;
    });
    this.#reach = reach;
    this.open = open;
  }

  /** For the code under test: resolves once the gate is open. */
  get passed(): Promise<Value> {
    this.#reach();
    return this.#passed;
  }
}
