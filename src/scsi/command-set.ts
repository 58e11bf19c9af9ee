/** The commands that one logical unit offers. */
import type { Cdb } from './cdb.js';
import type { CommandDefinition } from './command.js';
import type { Decoded } from './command-outcome.js';
import { invalidCdbField, invalidCommandOperationCode } from './sense.js';

export class CommandSet implements Iterable<CommandDefinition> {
  /** In the order of the table: by operation code, then by service action. */
  readonly #definitions: readonly CommandDefinition[];

  constructor(definitions: readonly CommandDefinition[]) {
    this.#definitions = definitions;
  }

  [Symbol.iterator](): Iterator<CommandDefinition> {
    return this.#definitions[Symbol.iterator]();
  }

  /** @returns refusal 5/20/00 for the operation code, 5/24/00 for its service action */
  find(cdb: Cdb): Decoded<CommandDefinition> {
    const candidates = this.withOpcode(cdb.opcode);
    if (candidates.length === 0) return { refusal: invalidCommandOperationCode };
    const found = candidates.find(
      ({ serviceAction }) => serviceAction === undefined || serviceAction === cdb.serviceAction,
    );
    return found === undefined ? { refusal: invalidCdbField(1, 4) } : { value: found };
  }

  /** Several for an operation code that has service actions. */
  withOpcode(opcode: number): CommandDefinition[] {
    return this.#definitions.filter((definition) => definition.opcode === opcode);
  }
}
