import { JSONRPCErrorException } from 'json-rpc-2.0';
import { isPrIn, type PrCommand } from '../pr/command.js';
import { busy, checkCondition, type PrOutcome, taskSetFull } from '../pr/outcome.js';
import { invalidFieldInCdb, logicalUnitTimeOut } from '../pr/sense.js';
import type { PrdConnection } from './prd-connection.js';
import { errorCode } from './protocol.js';
import { cdbOf, outcomeOf } from './scsi-carrier.js';

/**
 * Has the daemon run a command; never rejects.
 * @param handle of the logical unit on that connection
 */
export async function executeRemotely(
  connection: PrdConnection,
  handle: number,
  command: PrCommand,
): Promise<PrOutcome> {
  try {
    return outcomeOf(command, await connection.request('scsi', { handle, ...cdbOf(command) }));
  } catch (error) {
    // json-rpc-2.0 gives what it reports itself, such as its time-out, the code 0.
    return error instanceof JSONRPCErrorException && error.code !== 0
      ? refusal(error)
      : unanswered(command);
  }
}

/** The daemon did not do it. */
function refusal({ code }: JSONRPCErrorException): PrOutcome {
  return code === errorCode.tooMany ? taskSetFull : checkCondition(invalidFieldInCdb);
}

/** Whether it was done is not known; what changes nothing can be asked for again. */
function unanswered(command: PrCommand): PrOutcome {
  return isPrIn(command) ? busy : checkCondition(logicalUnitTimeOut);
}
