import { JSONRPCErrorException } from 'json-rpc-2.0';
import type { PrInData, PrOutcome } from '../pr/outcome.js';
import { errorCode } from './protocol.js';

/** An error object of the protocol. @param code of `errorCode` */
export function rpcError(
  code: (typeof errorCode)[keyof typeof errorCode],
  message: string,
  data?: object,
): JSONRPCErrorException {
  return new JSONRPCErrorException(message, code, data);
}

/** @throws JSONRPCErrorException for everything but GOOD */
export function goodOrThrow(outcome: PrOutcome): PrInData | undefined {
  switch (outcome.status) {
    case 'good':
      return outcome.data;
    case 'reservation-conflict':
      throw rpcError(errorCode.reservationConflict, 'RESERVATION CONFLICT');
    case 'busy':
      throw rpcError(errorCode.busy, 'BUSY: not executed, ask again later');
    case 'task-set-full':
      throw rpcError(errorCode.taskSetFull, 'TASK SET FULL: not executed, ask again later');
    case 'check-condition': {
      const { senseKey, asc, ascq } = outcome.sense;
      const text = [senseKey, asc, ascq].map((byte) => byte.toString(16).padStart(2, '0'));
      throw rpcError(errorCode.checkCondition, `CHECK CONDITION ${text.join('/')}`, {
        senseKey,
        asc,
        ascq,
      });
    }
  }
}
