/** TransportIDs in JSON: integers of more than 53 bits as hexadecimal text. */
import * as v from 'valibot';

/** `0x1f`, as a bigint. */
export function hexInteger(digitsMax: number) {
  return v.pipe(
    v.string(),
    v.regex(new RegExp(`^0x[0-9a-f]{1,${digitsMax}}$`)),
    v.transform((text) => BigInt(text)),
  );
}

const uint16 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff));

export const TransportIdFormat = v.variant('protocol', [
  v.strictObject({ protocol: v.literal('fibre-channel'), portName: hexInteger(16) }),
  v.strictObject({
    protocol: v.literal('parallel-scsi'),
    scsiAddress: uint16,
    relativeTargetPort: uint16,
  }),
  v.strictObject({ protocol: v.literal('sbp'), eui64: hexInteger(16) }),
  v.strictObject({ protocol: v.literal('srp'), initiatorPort: hexInteger(32) }),
  v.pipe(
    v.strictObject({
      protocol: v.literal('iscsi'),
      name: v.pipe(v.string(), v.maxLength(223)),
      isid: v.optional(hexInteger(12)),
    }),
    v.transform(({ protocol, name, isid }) => ({ protocol, name, isid })),
  ),
  v.strictObject({ protocol: v.literal('sas'), address: hexInteger(16) }),
  v.strictObject({ protocol: v.literal('sop'), routingId: uint16 }),
]);
