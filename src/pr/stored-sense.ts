import * as v from 'valibot';

const Byte = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xff));

/** A sense condition in a file of ours: without the device's own form of it. */
export const StoredSense = v.strictObject({ senseKey: Byte, asc: Byte, ascq: Byte });
