/**
 * A hostile guest of a disk with emulated reservations: CDBs and parameter lists of several nexuses;
 * and every list that can be decoded is the one that encodes to it.
 */
import assert from 'node:assert/strict';
import { prOutOpcode } from '../../../../src/scsi/reservation-cdb.js';
import { Cdb } from '../../../../src/scsi/cdb.js';
import { encodeRequest } from '../../../../src/scsi/initiator-command.js';
import { decodePrOut, prOutActions } from '../../../../src/scsi/persistent-reserve-out.js';
import { alice, bob, sharedDisk } from '../../../unit/scsi/support/disk.js';
import { flawOf } from '../../../unit/scsi/support/flaw.js';
import { Input } from '../input.js';

const opcodes = [0x5f, 0x5f, 0x5f, 0x5e, 0x16, 0x17, 0x15, 0x55, 0x12, 0xa0, 0xa3] as const;
const actions = Object.keys(prOutActions) as (keyof typeof prOutActions)[];

export async function fuzz(bytes: Buffer): Promise<void> {
  const input = new Input(bytes);
  const unit = await sharedDisk();
  for (let count = 0; count < 24 && !input.empty; count++) {
    const nexus = input.pick([alice, bob]);
    const { cdb, dataOut } = input.flag() ? reserveOut(input) : anything(input);
    const request = { cdb, dataOut, luns: [0], leftOver: input.flag() };
    assert.equal(flawOf(await unit.execute(nexus, request), cdb), undefined);
    if (cdb[0] === prOutOpcode) encodesAgain(cdb, dataOut);
  }
}

function anything(input: Input): { cdb: Buffer; dataOut: Buffer } {
  const cdb = Buffer.alloc(32);
  input.bytes(16).copy(cdb, 1);
  cdb[0] = input.flag() ? input.pick(opcodes) : input.byte();
  const dataOut = Buffer.alloc(input.byte());
  input.bytes(dataOut.length).copy(dataOut);
  return { cdb, dataOut };
}

/** PERSISTENT RESERVE OUT as a guest would send it, with few keys, so that they match. */
function reserveOut(input: Input): { cdb: Buffer; dataOut: Buffer } {
  const cdb = Buffer.alloc(32);
  cdb.set([prOutOpcode, input.byte() % 9, input.byte() % 9]);
  const dataOut = Buffer.alloc(24);
  cdb.writeUInt32BE(dataOut.length, 5);
  dataOut.set([input.byte() % 3], 7);
  dataOut.set([input.byte() % 3], 15);
  dataOut.set([input.byte() & 0x0d], 20);
  return { cdb, dataOut };
}

function encodesAgain(cdb: Buffer, dataOut: Buffer): void {
  const action = actions.find((name) => prOutActions[name] === (cdb.readUInt8(1) & 0x1f));
  if (action === undefined) return;
  const decoded = decodePrOut(action, new Cdb(cdb), dataOut);
  if (decoded.refusal !== undefined) return;
  const again = encodeRequest({ kind: 'persistent-reserve-out', command: decoded.value });
  const twice = decodePrOut(action, new Cdb(again.cdb), again.dataOut);
  assert.deepEqual(twice, decoded);
}
