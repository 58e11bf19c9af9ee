/** CDB and parameter list of PERSISTENT RESERVE OUT (SPC-4 §6.16) as a command. */
import type { PrOutCommand, ScopeAndType } from '../pr/command.js';
import type { TransportId } from '../pr/transport-id.js';
import type { Cdb } from './cdb.js';
import type { Decoded } from './command-outcome.js';
import { decodeScope, decodeType } from './reservation-type.js';
import { invalidParameterField, parameterListLengthError } from './sense.js';
import { decodeTransportIds, transportIdLengthMin } from './transport-id.js';

/** Service actions by code. */
export const prOutActions = {
  register: 0x00,
  reserve: 0x01,
  release: 0x02,
  clear: 0x03,
  preempt: 0x04,
  'preempt-and-abort': 0x05,
  'register-and-ignore-existing-key': 0x06,
  'register-and-move': 0x07,
  'replace-lost-reservation': 0x08,
} as const satisfies Record<PrOutCommand['action'], number>;

/** Bytes of the list, without the TransportIDs that may follow. */
const basicLength = 24;

/**
 * @param action what the CDB's SERVICE ACTION stands for
 * @param sent the bytes the initiator sent, at least those of PARAMETER LIST LENGTH
 * @returns refusals: 5/1A/00 for a list that isn't exactly as long as its contents, 5/26/00 for
 *   SPEC_I_PT where it is not allowed and for bad TransportIDs
 */
export function decodePrOut(
  action: PrOutCommand['action'],
  cdb: Cdb,
  sent: Buffer,
): Decoded<PrOutCommand> {
  const length = cdb.uint32(5);
  if (length > sent.length || length < basicLength) return { refusal: parameterListLengthError };
  const list = sent.subarray(0, length);
  if (action === 'register-and-move') return decodeMove(list);
  return decodeBasic(action, cdb, list);
}

type BasicAction = Exclude<PrOutCommand['action'], 'register-and-move'>;

function decodeBasic(action: BasicAction, cdb: Cdb, list: Buffer): Decoded<PrOutCommand> {
  const flags = list.readUInt8(20);
  const specIPt = (flags & 0x08) !== 0;
  // Only REGISTER may name further initiator ports; the others ignore the two flags below.
  if (specIPt && action !== 'register') return { refusal: invalidParameterField(20, 3) };
  if (!specIPt && list.length !== basicLength) return { refusal: parameterListLengthError };
  const ports: Decoded<TransportId[] | undefined> = specIPt
    ? decodeSpecIPt(list)
    : { value: undefined };
  if (ports.refusal !== undefined) return ports;

  const prkey = list.readBigUInt64BE(0);
  const serviceActionKey = list.readBigUInt64BE(8);
  const scopeAndType: ScopeAndType = {
    scope: decodeScope(cdb.bits(2, 7, 4)),
    type: decodeType(cdb.bits(2, 3, 0)),
  };
  const aptpl = (flags & 0x01) !== 0;
  const allTgPt = (flags & 0x04) !== 0;
  switch (action) {
    case 'register':
      return {
        value: { action, prkey, serviceActionKey, aptpl, allTgPt, specIPt: ports.value },
      };
    case 'register-and-ignore-existing-key':
      return { value: { action, serviceActionKey, aptpl, allTgPt } };
    case 'reserve':
    case 'release':
      return { value: { action, prkey, ...scopeAndType } };
    case 'clear':
      return { value: { action, prkey } };
    case 'preempt':
    case 'preempt-and-abort':
      return { value: { action, prkey, serviceActionKey, ...scopeAndType } };
    case 'replace-lost-reservation':
      return { value: { action, prkey, serviceActionKey, aptpl, ...scopeAndType } };
  }
}

/** Additional parameter data of SPEC_I_PT: a length of 4 bytes, then TransportIDs. */
function decodeSpecIPt(list: Buffer): Decoded<TransportId[]> {
  const first = basicLength + 4;
  if (list.length < first || list.length !== first + list.readUInt32BE(basicLength)) {
    return { refusal: parameterListLengthError };
  }
  return decodeTransportIds(list.subarray(first), first);
}

function decodeMove(list: Buffer): Decoded<PrOutCommand> {
  const length = list.readUInt32BE(20);
  if (list.length !== basicLength + length) return { refusal: parameterListLengthError };
  if (length < transportIdLengthMin) return { refusal: invalidParameterField(20) };
  const ids = decodeTransportIds(list.subarray(basicLength), basicLength);
  if (ids.refusal !== undefined) return ids;
  const [destination, ...more] = ids.value;
  if (destination === undefined || more.length > 0) {
    return { refusal: invalidParameterField(basicLength) };
  }
  const flags = list.readUInt8(17);
  return {
    value: {
      action: 'register-and-move',
      prkey: list.readBigUInt64BE(0),
      serviceActionKey: list.readBigUInt64BE(8),
      unregister: (flags & 0x02) !== 0,
      aptpl: (flags & 0x01) !== 0,
      relativeTargetPort: list.readUInt16BE(18),
      destination,
    },
  };
}
