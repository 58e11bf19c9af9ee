/** REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS (SPC-4 §6.35, §6.36). */
import type { Cdb } from './cdb.js';
import type { CommandDefinition, OfferedCommands } from './command.js';
import { checkCondition, type CommandOutcome, goodWith } from './command-outcome.js';
import { invalidCdbField } from './sense.js';

/** REPORTING OPTIONS. */
const reportingOptions = {
  all: 0b000,
  /** The operation code has no service actions. */
  opcode: 0b001,
  /** It has some, one of which is asked for. */
  serviceAction: 0b010,
  /** Whether it has some or not. */
  either: 0b011,
} as const;

export function reportSupportedOperationCodes(cdb: Cdb, commands: OfferedCommands): CommandOutcome {
  const withTimeouts = cdb.flag(2, 7);
  const allocationLength = cdb.uint32(6);
  const options = cdb.bits(2, 2, 0);
  if (options === reportingOptions.all) {
    return goodWith(allCommands(commands, withTimeouts), allocationLength);
  }

  const candidates = commands.withOpcode(cdb.byte(3));
  const hasServiceActions = candidates.some(({ serviceAction }) => serviceAction !== undefined);
  switch (options) {
    case reportingOptions.opcode:
      if (hasServiceActions) return checkCondition(invalidCdbField(2, 2));
      break;
    case reportingOptions.serviceAction:
      if (candidates.length > 0 && !hasServiceActions) {
        return checkCondition(invalidCdbField(2, 2));
      }
      break;
    case reportingOptions.either:
      break;
    default:
      return checkCondition(invalidCdbField(2, 2));
  }
  const requested = cdb.uint16(4);
  const found = hasServiceActions
    ? candidates.find(({ serviceAction }) => serviceAction === requested)
    : candidates[0];
  return goodWith(oneCommand(found, withTimeouts), allocationLength);
}

function allCommands(commands: OfferedCommands, withTimeouts: boolean): Buffer {
  const descriptors = Array.from(commands, (command) => descriptorOf(command, withTimeouts));
  const list = Buffer.concat(descriptors);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(list.length, 0);
  return Buffer.concat([header, list]);
}

function descriptorOf(command: CommandDefinition, withTimeouts: boolean): Buffer {
  const { opcode, serviceAction, usage } = command;
  const descriptor = Buffer.alloc(8);
  descriptor[0] = opcode;
  descriptor.writeUInt16BE(serviceAction ?? 0, 2);
  const hasServiceAction = serviceAction === undefined ? 0 : 0x01; // SERVACTV
  const hasTimeouts = withTimeouts ? 0x02 : 0; // CTDP
  descriptor[5] = hasTimeouts | hasServiceAction;
  descriptor.writeUInt16BE(usage.length, 6);
  return Buffer.concat([descriptor, timeouts(withTimeouts)]);
}

function oneCommand(command: CommandDefinition | undefined, withTimeouts: boolean): Buffer {
  const notSupported = 0b001;
  const asTheStandardSays = 0b011;
  if (command === undefined) return Buffer.from([0, notSupported, 0, 0]);
  const header = Buffer.from([0, (withTimeouts ? 0x80 : 0) | asTheStandardSays, 0, 0]);
  header.writeUInt16BE(command.usage.length, 2);
  return Buffer.concat([header, command.usage, timeouts(withTimeouts)]);
}

/** A command timeouts descriptor: no time is promised and none recommended. */
function timeouts(wanted: boolean): Buffer {
  return wanted ? Buffer.from([0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) : Buffer.alloc(0);
}

/**
 * The functions of virtio-scsi (virtio 1.4, 5.6.6.2) but CLEAR ACA, which needs NACA: ABORT TASK,
 * ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET, QUERY TASK; QUERY TASK SET, I_T NEXUS RESET.
 */
const supportedFunctions = [0x80 | 0x40 | 0x10 | 0x08 | 0x04, 0x02 | 0x01];

export function reportSupportedTaskManagementFunctions(cdb: Cdb): CommandOutcome {
  const extended = cdb.flag(2, 7); // REPD
  const data = Buffer.alloc(extended ? 16 : 4);
  data.set(supportedFunctions);
  data[3] = data.length - 4;
  return goodWith(data, cdb.uint32(6));
}
