/** A hostile predecessor of a takeover: any state, with descriptors that are there or not. */
import assert from 'node:assert/strict';
import { decodeState, encodeState } from '../../../../src/takeover/state-format.js';
import { Failure } from '../../../../src/util/failure.js';
import { Input } from '../input.js';

const base64 = Buffer.alloc(12).toString('base64');

export function fuzz(bytes: Buffer): Promise<void> {
  const input = new Input(bytes);
  const document = input.byte() % 8 === 0 ? parsed(input.text()) : state(input);
  const fds = Array.from({ length: input.byte() % 12 }, (_, index) => 100 + index);
  try {
    const decoded = decodeState(document, fds);
    const again = encodeState(decoded);
    assert.deepEqual(decodeState(JSON.parse(JSON.stringify(again.document)), again.fds), decoded);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
  return Promise.resolve();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function state(input: Input): object {
  return {
    version: 1 + (input.byte() % 16 === 0 ? 1 : 0),
    disks: list(input, disk),
    guests: list(input, guest),
  };
}

function list(input: Input, make: (input: Input) => object): object[] {
  return Array.from({ length: input.byte() % 3 }, () => make(input));
}

function disk(input: Input): object {
  return spoiled(input, {
    lun: input.byte(),
    path: input.text(),
    image: input.byte() % 12,
    readOnly: input.flag(),
    serial: 'serial',
    designator: 'naa.6001405000000001',
    blockSize: 512,
    descriptorSense: input.flag(),
    softwareWriteProtect: input.flag(),
    reservations: input.text(),
  });
}

function guest(input: Input): object {
  return spoiled(input, {
    initiator: 'iqn.2026-11.test:vm1',
    device: input.pick(['blk', 'scsi', 'none']),
    numQueues: input.byte(),
    configWce: input.flag(),
    scsiPassthrough: input.flag(),
    scsiConfig: input.flag(),
    listener: input.flag() ? input.byte() % 12 : null,
    session: input.flag() ? { connection: input.byte() % 12, told: list(input, told) } : null,
  });
}

function told(input: Input): object {
  return spoiled(input, {
    request: input.byte(),
    payload: input.flag() ? base64 : input.text(),
    fds: Array.from({ length: input.byte() % 3 }, () => input.byte() % 12),
  });
}

/** One member is missing, or of another type, now and then. */
function spoiled(input: Input, members: Record<string, unknown>): object {
  const choice = input.byte();
  const name = Object.keys(members)[choice >> 4];
  if ((choice & 0xf) > 1 || name === undefined) return members;
  return { ...members, [name]: choice & 1 ? undefined : { other: input.byte() } };
}
