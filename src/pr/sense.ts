/** A sense key with its additional sense code and qualifier (SPC-4 §4.5.6). */
export interface Sense {
  readonly senseKey: number;
  readonly asc: number;
  readonly ascq: number;
  /**
   * The sense data as a device gave it, in its own format, at most 96 bytes: what an initiator is
   * shown then, so that nothing of it is lost.
   */
  readonly raw?: Uint8Array;
}

const hardwareError = 0x4;
const illegalRequest = 0x5;
const unitAttentionKey = 0x6;
const abortedCommand = 0xb;

export const invalidFieldInCdb: Sense = { senseKey: illegalRequest, asc: 0x24, ascq: 0x00 };
export const invalidFieldInParameterList: Sense = {
  senseKey: illegalRequest,
  asc: 0x26,
  ascq: 0x00,
};
export const invalidReleaseOfPersistentReservation: Sense = {
  senseKey: illegalRequest,
  asc: 0x26,
  ascq: 0x04,
};
export const insufficientRegistrationResources: Sense = {
  senseKey: illegalRequest,
  asc: 0x55,
  ascq: 0x04,
};
/** INTERNAL TARGET FAILURE: the state could not be made durable. */
export const internalTargetFailure: Sense = { senseKey: hardwareError, asc: 0x44, ascq: 0x00 };
/** LOGICAL UNIT COMMUNICATION TIME-OUT: whether the command took effect is not known. */
export const logicalUnitTimeOut: Sense = { senseKey: abortedCommand, asc: 0x08, ascq: 0x01 };

export const reservationsPreempted: Sense = { senseKey: unitAttentionKey, asc: 0x2a, ascq: 0x03 };
export const reservationsReleased: Sense = { senseKey: unitAttentionKey, asc: 0x2a, ascq: 0x04 };
export const registrationsPreempted: Sense = { senseKey: unitAttentionKey, asc: 0x2a, ascq: 0x05 };
