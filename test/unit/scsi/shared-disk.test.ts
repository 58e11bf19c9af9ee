/** Reservation commands in bytes, on real emulated reservations, from two nexuses. */
import { describe, expect, it } from 'vitest';
import type { LogicalUnit } from '../../../src/scsi/logical-unit.js';
import type { Nexus } from '../../../src/pr/nexus.js';
import { bytes, groups } from './support/bytes.js';
import { alice, bob, send, sharedDisk, verdict } from './support/disk.js';

const aliceKey = '00000000000000a1';
const bobKey = '00000000000000b2';
const noKey = '0000000000000000';

/** PERSISTENT RESERVE OUT: service action, type, RESERVATION KEY, SERVICE ACTION RESERVATION KEY. */
async function out(
  unit: LogicalUnit,
  nexus: Nexus,
  action: string,
  type: string,
  keys: [string, string],
): Promise<string> {
  const list = `${keys.join('')} 00000000 00 000000`;
  return verdict(await send(unit, `5f ${action} 0${type} 0000 00000018 00`, list, nexus));
}

async function inData(unit: LogicalUnit, nexus: Nexus, action: string): Promise<string> {
  const answer = await send(unit, `5e ${action} 0000000000 2000 00`, '', nexus);
  expect(verdict(answer)).toBe('good');
  return groups(answer.dataIn);
}

const read10 = '28 00 00000000 00 0001 00';
const write10 = '2a 00 00000000 00 0001 00';

/** What becomes of a data command: `natively` or its status. */
async function io(unit: LogicalUnit, nexus: Nexus, cdb: string): Promise<string> {
  const answer = await unit.execute(nexus, {
    cdb: bytes(cdb),
    dataOut: Buffer.alloc(0),
    luns: [0],
  });
  return answer === 'natively' ? answer : verdict(answer);
}

async function registeredBoth(): Promise<LogicalUnit> {
  const unit = await sharedDisk();
  expect(await out(unit, alice, '00', '0', [noKey, aliceKey])).toBe('good');
  expect(await out(unit, bob, '06', '0', [noKey, bobKey])).toBe('good');
  return unit;
}

describe.each([
  ['1', 'write exclusive', 'natively', 'conflict'],
  ['3', 'exclusive access', 'conflict', 'conflict'],
  ['5', 'write exclusive, registrants only', 'natively', 'natively'],
  ['6', 'exclusive access, registrants only', 'natively', 'natively'],
  ['7', 'write exclusive, all registrants', 'natively', 'natively'],
  ['8', 'exclusive access, all registrants', 'natively', 'natively'],
])('type %s, %s', (type, _, bobReads, bobWrites) => {
  it('is held, shown, enforced, released', async () => {
    const unit = await registeredBoth();
    expect(await out(unit, alice, '01', type, [aliceKey, noKey])).toBe('good');
    const shownKey = type === '7' || type === '8' ? noKey : aliceKey;
    expect(await inData(unit, bob, '01')).toBe(
      groups(bytes(`00000002 00000010 ${shownKey} 00000000 00 0${type} 0000`)),
    );
    expect(await io(unit, alice, read10)).toBe('natively');
    expect(await io(unit, alice, write10)).toBe('natively');
    expect([await io(unit, bob, read10), await io(unit, bob, write10)]).toEqual([
      bobReads,
      bobWrites,
    ]);
    expect(await out(unit, alice, '02', type, [aliceKey, noKey])).toBe('good');
    expect(await inData(unit, alice, '01')).toBe('00000002 00000000');
  });
});

// fence_scsi: register, reserve, preempt-and-abort of the victim, and what it then reads.
it('a node fences the other one', async () => {
  const unit = await registeredBoth();
  expect(await out(unit, alice, '01', '5', [aliceKey, noKey])).toBe('good');
  expect(await io(unit, bob, write10)).toBe('natively');
  expect(await out(unit, alice, '05', '5', [aliceKey, bobKey])).toBe('good');
  expect(await inData(unit, alice, '00')).toBe(groups(bytes(`00000003 00000008 ${aliceKey}`)));

  expect(await io(unit, bob, write10)).toBe('6/2a/05');
  expect(await io(unit, bob, write10)).toBe('conflict');
  expect(await io(unit, bob, read10)).toBe('natively');
  expect(await out(unit, bob, '01', '5', [bobKey, noKey])).toBe('conflict');
  expect(await out(unit, bob, '00', '0', [noKey, bobKey])).toBe('good');
  expect(await io(unit, bob, write10)).toBe('natively');
});

it('errors of the machine come with their sense', async () => {
  const unit = await registeredBoth();
  expect(await out(unit, alice, '01', '5', [aliceKey, noKey])).toBe('good');
  expect(await out(unit, alice, '02', '1', [aliceKey, noKey])).toBe('5/26/04');
  expect(await out(unit, alice, '04', '5', [aliceKey, noKey])).toBe('5/26/00');
  expect(await out(unit, bob, '01', '2', [bobKey, noKey])).toBe('5/24/00');
});

it('RESERVE(6) keeps the other nexus out of all but a few commands', async () => {
  const unit = await sharedDisk();
  const [reserve6, release6] = ['16 00 00 00 00 00', '17 00 00 00 00 00'];
  expect(verdict(await send(unit, reserve6))).toBe('good');
  expect(verdict(await send(unit, reserve6, '', bob))).toBe('conflict');
  expect(verdict(await send(unit, '1a 00 3f 00 ff 00', '', bob))).toBe('conflict');
  expect(await io(unit, bob, read10)).toBe('conflict');
  expect(verdict(await send(unit, '12 00 00 00ff 00', '', bob))).toBe('good');
  expect(verdict(await send(unit, release6, '', bob))).toBe('good');
  expect(await io(unit, bob, read10)).toBe('conflict');
  expect(verdict(await send(unit, release6))).toBe('good');
  expect(await io(unit, bob, read10)).toBe('natively');
});

it('READ FULL STATUS names both by their TransportIDs', async () => {
  const unit = await registeredBoth();
  const name = (of: string) =>
    Buffer.from(`iqn.2026-01.org.example:${of},i,0x000000000000\0`).toString('hex');
  const data = await inData(unit, alice, '03');
  expect(data.replaceAll(' ', '')).toContain(name('alice'));
  expect(data.replaceAll(' ', '')).toContain(name('bob'));
});

it('MODE SENSE conflicts under exclusive access, START STOP UNIT only where it stops', async () => {
  const unit = await registeredBoth();
  expect(await out(unit, alice, '01', '3', [aliceKey, noKey])).toBe('good');
  expect(verdict(await send(unit, '1a 00 3f 00 ff 00', '', bob))).toBe('conflict');
  expect(verdict(await send(unit, '1b 00 00 00 00 00', '', bob))).toBe('conflict');
  expect(verdict(await send(unit, '1b 00 00 00 01 00', '', bob))).toBe('good');
  expect(verdict(await send(unit, '25 00 00000000 0000 00 00', '', bob))).toBe('good');
});

it('REPORT CAPABILITIES and REPORT SUPPORTED OPERATION CODES agree on REPLACE LOST RESERVATION', async () => {
  const unit = await sharedDisk();
  const capabilities = await inData(unit, alice, '02');
  const reported = await send(unit, 'a3 0c 03 5f 0008 0000ffff 00 00');
  expect([bytes(capabilities).readUInt8(2) & 0x80, groups(reported.dataIn)]).toEqual([
    0,
    '00010000',
  ]);
  expect(await out(unit, alice, '08', '5', [noKey, aliceKey])).toBe('5/24/00');
});
