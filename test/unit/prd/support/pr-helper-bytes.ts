/** The qemu-pr-helper protocol from its client's side, written from QEMU's pr-helper.rst alone. */
export const features = Buffer.from([0, 0, 0, 0]);

/** @param cdb hexadecimal */
export function request(cdb: string, list: Buffer = Buffer.alloc(0)): Buffer {
  const padded = Buffer.alloc(16);
  Buffer.from(cdb, 'hex').copy(padded);
  return Buffer.concat([padded, list]);
}

export interface Reply {
  status: number;
  /** `5/24/00`; empty if it is all zeros. */
  sense: string;
  payload: Buffer;
}

/** Takes one reply from the bytes that came. @returns undefined if it isn't all there */
export function takeReply(bytes: Buffer): { reply: Reply; rest: Buffer } | undefined {
  if (bytes.length < 104) return undefined;
  const end = 104 + bytes.readUInt32BE(4);
  if (bytes.length < end) return undefined;
  const sense = bytes.subarray(8, 104);
  const reply = {
    status: bytes.readUInt32BE(0),
    sense: sense.every((byte) => byte === 0)
      ? ''
      : [sense.readUInt8(2).toString(16), hexByte(sense, 12), hexByte(sense, 13)].join('/'),
    payload: bytes.subarray(104, end),
  };
  return { reply, rest: bytes.subarray(end) };
}

function hexByte(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, at + 1);
}
