/** virtio-scsi's cdb_size (virtio 1.4, 5.6.4) and the longest CDB any command here has. */
export const cdbLengthMax = 32;

/**
 * A command descriptor block, copied once from what the initiator sent. Fields are addressed as the
 * standards draw them: by byte, and within a byte by bit 7 (most significant) to 0. Bytes that were
 * not sent read as zero.
 */
export class Cdb {
  readonly #bytes = Buffer.alloc(cdbLengthMax);

  /** @param sent what is beyond 32 bytes is ignored: it belongs to no command served here */
  constructor(sent: Uint8Array) {
    this.#bytes.set(sent.subarray(0, cdbLengthMax));
  }

  get opcode(): number {
    return this.byte(0);
  }

  /** SERVICE ACTION, where the operation code has one (SPC-4 §4.2.5.2). */
  get serviceAction(): number {
    return this.bits(1, 4, 0);
  }

  byte(at: number): number {
    return this.#bytes.readUInt8(at);
  }

  flag(at: number, bit: number): boolean {
    return ((this.byte(at) >> bit) & 1) === 1;
  }

  /** The field from bit `high` down to bit `low` of one byte. */
  bits(at: number, high: number, low: number): number {
    return (this.byte(at) >> low) & ((1 << (high - low + 1)) - 1);
  }

  uint16(at: number): number {
    return this.#bytes.readUInt16BE(at);
  }

  uint32(at: number): number {
    return this.#bytes.readUInt32BE(at);
  }

  uint64(at: number): bigint {
    return this.#bytes.readBigUInt64BE(at);
  }
}
