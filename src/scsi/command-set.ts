import type { Cdb } from './cdb.js';
import type { CommandDefinition, OfferedCommands } from './command.js';
import type { Decoded } from './command-outcome.js';
import { invalidCdbField, invalidCommandOperationCode } from './sense.js';

/** Of the whole table, what a disk of this kind has. */
export class CommandSet implements OfferedCommands {
  /** In the order of the table: by operation code, then by service action. */
  readonly #definitions: readonly CommandDefinition[];

  constructor(definitions: readonly CommandDefinition[]) {
    this.#definitions = definitions;
  }

  [Symbol.iterator](): Iterator<CommandDefinition> {
    return this.#definitions[Symbol.iterator]();
  }

  find(cdb: Cdb): Decoded<CommandDefinition> {
    const candidates = this.withOpcode(cdb.opcode);
    if (candidates.length === 0) return { refusal: invalidCommandOperationCode };
    const found = candidates.find(
      ({ serviceAction }) => serviceAction === undefined || serviceAction === cdb.serviceAction,
    );
    return found === undefined ? { refusal: invalidCdbField(1, 4) } : { value: found };
  }

  withOpcode(opcode: number): CommandDefinition[] {
    return this.#definitions.filter((definition) => definition.opcode === opcode);
  }
}
