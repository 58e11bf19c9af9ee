/**
 * The bytes of the qemu-pr-helper protocol (QEMU's docs/interop/pr-helper.rst, and what
 * scsi/qemu-pr-helper.c accepts). All integers are big-endian.
 */
import type { PassedFds } from '../fd-lines/passed-fds.js';
import {
  allocationLength,
  parameterListLength,
  prInOpcode,
  prOutOpcode,
} from '../scsi/reservation-cdb.js';
import type { ScsiResponse } from '../scsi/response.js';

/** No feature is defined, so both sides send zeros. */
export const features = Buffer.alloc(4);

const cdbLength = 16;
/** Of a parameter list, and of the data of PERSISTENT RESERVE IN. */
const dataBytesMax = 8192;
const senseLength = 96;
/** Descriptors whose close waits for somebody. */
const closingMax = 8;

export interface PrHelperRequest {
  readonly cdb: Buffer;
  /** The parameter list; empty for PERSISTENT RESERVE IN. */
  readonly dataOut: Buffer;
  /** Belongs to whoever has the request. */
  readonly fd: number;
}

export interface Violation {
  /** What the peer did, for the log. */
  readonly violation: string;
}

/** What the next bytes belong to. */
type Phase = 'features' | 'cdb' | 'list' | 'running';

/**
 * Puts the requests of one connection together. Nothing may come between a request and its reply:
 * commands are not sent concurrently on one socket.
 */
export class PrHelperReader {
  readonly #fds: PassedFds;
  #phase: Phase = 'features';
  #bytes: Buffer = Buffer.alloc(0);

  constructor(fds: PassedFds) {
    this.#fds = fds;
  }

  /**
   * @param fds the reader's from now on, until a request carries one away
   * @returns the request that is complete now, undefined if none is; or why the connection must end
   */
  push(data: Buffer, fds: readonly number[]): PrHelperRequest | Violation | undefined {
    this.#fds.add(fds);
    this.#bytes = Buffer.concat([this.#bytes, data]);
    const result = this.#refuse(fds.length > 0) ?? this.#readFeatures() ?? this.#readRequest();
    if (result !== undefined && 'violation' in result) this.#fds.closeAll();
    return result;
  }

  /** The reply is on its way: the next request may come. */
  answered(): void {
    this.#phase = 'cdb';
  }

  #refuse(withFd: boolean): Violation | undefined {
    if (this.#fds.length > 1) return { violation: 'it passed more than one descriptor' };
    if (this.#fds.closing > closingMax) return { violation: "its descriptors can't be closed" };
    if (this.#phase === 'running') return { violation: 'it did not wait for the reply' };
    const early = this.#phase === 'features' && this.#bytes.length <= features.length;
    if (withFd && (early || this.#phase === 'list')) {
      return { violation: 'it passed a descriptor without a CDB' };
    }
    return undefined;
  }

  #readFeatures(): Violation | undefined {
    if (this.#phase !== 'features' || this.#bytes.length < features.length) return undefined;
    if (!this.#bytes.subarray(0, features.length).equals(features)) {
      return { violation: 'it wants features that do not exist' };
    }
    this.#bytes = this.#bytes.subarray(features.length);
    this.#phase = 'cdb';
    return undefined;
  }

  #readRequest(): PrHelperRequest | Violation | undefined {
    if (this.#phase === 'features' || this.#bytes.length < cdbLength) return undefined;
    const cdb = this.#bytes.subarray(0, cdbLength);
    const listLength = listLengthOf(cdb);
    if (listLength === undefined) {
      return { violation: 'it sent another command than PERSISTENT RESERVE of up to 8 KiB' };
    }
    if (this.#fds.length === 0) return { violation: 'it passed no descriptor' };
    this.#phase = 'list';
    const length = cdbLength + listLength;
    if (this.#bytes.length < length) return undefined;
    if (this.#bytes.length > length) return { violation: 'it did not wait for the reply' };

    const dataOut = this.#bytes.subarray(cdbLength);
    const fd = this.#fds.take();
    if (fd === undefined) return { violation: 'it passed no descriptor' };
    this.#phase = 'running';
    this.#bytes = Buffer.alloc(0);
    return { cdb, dataOut, fd };
  }
}

/** Undefined: this protocol doesn't carry the command. */
function listLengthOf(cdb: Buffer): number | undefined {
  switch (cdb[0]) {
    case prInOpcode:
      return allocationLength(cdb) <= dataBytesMax ? 0 : undefined;
    case prOutOpcode: {
      const length = parameterListLength(cdb);
      return length <= dataBytesMax ? length : undefined;
    }
    default:
      return undefined;
  }
}

/** Status, payload size, sense of 96 bytes whatever the status, payload. */
export function encodeReply({ status, sense, dataIn }: ScsiResponse): Buffer {
  const header = Buffer.alloc(8 + senseLength);
  header.writeUInt32BE(status, 0);
  header.writeUInt32BE(dataIn.length, 4);
  sense.copy(header, 8, 0, senseLength);
  return Buffer.concat([header, dataIn]);
}
