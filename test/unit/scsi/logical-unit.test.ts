import { describe, expect, it } from 'vitest';
import { reservationsPreempted } from '../../../src/pr/sense.js';
import { capacityDataHasChanged, powerOnOrReset } from '../../../src/scsi/sense.js';
import { bytes, groups } from './support/bytes.js';
import {
  alice,
  bob,
  diskWith,
  fieldInError,
  plainMedium,
  response,
  ScriptedReservations,
  send,
  verdict,
} from './support/disk.js';

const testUnitReady = '00 00 00 00 00 00';
const modeSense = '1a 00 3f 00 ff 00';
const read10 = '28 00 00000000 00 0001 00';
const write10 = '2a 00 00000000 00 0001 00';
const inquiry = '12 00 00 00ff 00';
const reportLuns = 'a0 00 00 000000 00001000 00 00';
const requestSense = '03 00 00 00 ff 00';

function rig() {
  const reservations = new ScriptedReservations();
  const unit = diskWith({ reservations });
  const attentions = reservations.unitAttentions(alice);
  return { reservations, unit, attentions };
}

async function answer(unit: ReturnType<typeof diskWith>, cdb: string) {
  return unit.execute(alice, { cdb: bytes(cdb), dataOut: Buffer.alloc(0), luns: [0] });
}

describe('a command that throws, which is a bug', () => {
  it('is answered INTERNAL TARGET FAILURE at once, and reported', async () => {
    const bug = new Error('not thought of');
    const faults: unknown[] = [];
    const reservations = new ScriptedReservations();
    reservations.permits = () => {
      throw bug;
    };
    const unit = diskWith({ reservations, onFault: (error) => faults.push(error) });
    expect(verdict(await send(unit, testUnitReady))).toBe('4/44/00');
    expect(faults).toEqual([bug]);
  });
});

describe('TEST UNIT READY', () => {
  it('tells of what a look at the reservations brings up', async () => {
    const { reservations, unit, attentions } = rig();
    reservations.onRefresh = () => {
      attentions.establish(reservationsPreempted);
    };
    expect(verdict(await send(unit, testUnitReady))).toBe('6/2a/03');
    reservations.onRefresh = () => undefined;
    expect(verdict(await send(unit, testUnitReady))).toBe('good');
  });
});

describe('a command left over from the process before', () => {
  const preempt = '5f 04 05 0000 00000018 00';
  const leftOver = async (unit: ReturnType<typeof diskWith>, cdb: string) => {
    const request = { cdb: bytes(cdb), dataOut: Buffer.alloc(24), luns: [0], leftOver: true };
    return response(await unit.execute(alice, request));
  };

  it('is answered before a unit attention, if reservations know the answer', async () => {
    const { reservations, unit, attentions } = rig();
    attentions.establish(powerOnOrReset);
    reservations.ofLeftOver = { status: 'good' };
    expect(verdict(await leftOver(unit, preempt))).toBe('good');
    expect(reservations.commands).toEqual([]);
    expect(attentions.pending).toBe(true);
  });

  it('is like any other otherwise', async () => {
    const { reservations, unit, attentions } = rig();
    attentions.establish(powerOnOrReset);
    expect(verdict(await leftOver(unit, preempt))).toBe('6/29/00');
    expect(verdict(await leftOver(unit, preempt))).toBe('good');
    expect(reservations.commands).toHaveLength(1);
  });
});

describe('order of checks', () => {
  it('a command that does not exist leaves unit attention and reservations alone', async () => {
    const { reservations, unit, attentions } = rig();
    attentions.establish(powerOnOrReset);
    reservations.conflicting.add('reads').add('writes');
    expect(verdict(await send(unit, '3c 00 00000000 000000 00'))).toBe('5/20/00');
    expect(verdict(await send(unit, '9e 13 0000000000000000 00000000 00 00'))).toBe('5/24/00');
    expect(attentions.pending).toBe(true);
  });

  it('the unit attention comes before the conflict', async () => {
    const { reservations, unit, attentions } = rig();
    attentions.establish(powerOnOrReset);
    reservations.conflicting.add('reads');
    expect(verdict(await send(unit, modeSense))).toBe('6/29/00');
    expect(verdict(await send(unit, modeSense))).toBe('conflict');
  });

  it('the conflict comes before the fields of the CDB', async () => {
    const { reservations, unit } = rig();
    reservations.conflicting.add('reads');
    const savedPages = '1a 00 ff 00 ff 00';
    expect(verdict(await send(unit, savedPages))).toBe('conflict');
    expect(verdict(await send(unit, '1a 00 3f 00 ff 04'))).toBe('conflict');
    reservations.conflicting.clear();
    expect(verdict(await send(unit, savedPages))).toBe('5/39/00');
  });

  it('a reservation command meets the unit attention, too, and is not carried out', async () => {
    const { reservations, unit, attentions } = rig();
    attentions.establish(powerOnOrReset);
    const readKeys = '5e 00 0000000000 0008 00';
    expect(verdict(await send(unit, readKeys))).toBe('6/29/00');
    expect(reservations.commands).toEqual([]);
    expect(verdict(await send(unit, readKeys))).toBe('good');
  });
});

describe('what the data plane runs', () => {
  it('is handed back when nothing stands against it', async () => {
    const { unit } = rig();
    expect(await answer(unit, read10)).toBe('natively');
    expect(await answer(unit, write10)).toBe('natively');
  });

  it('is not, while there is a unit attention, a conflict or NACA', async () => {
    const { reservations, unit, attentions } = rig();
    attentions.establish(capacityDataHasChanged);
    expect(verdict(await send(unit, read10))).toBe('6/2a/09');
    reservations.conflicting.add('writes');
    expect(verdict(await send(unit, write10))).toBe('conflict');
    expect(await answer(unit, read10)).toBe('natively');
    expect(verdict(await send(unit, '28 00 00000000 00 0001 04'))).toBe('5/24/00');
  });
});

it.each([
  ['6 bytes', '00 00 00 00 00 04', 'cdb 5 bit 2'],
  ['10 bytes', '25 00 00000000 0000 00 04', 'cdb 9 bit 2'],
  ['12 bytes', 'a0 00 00 000000 00001000 00 04', 'cdb 11 bit 2'],
  ['16 bytes', '9e 10 0000000000000000 00000020 00 04', 'cdb 15 bit 2'],
])('NACA is refused in CDBs of %s', async (_, cdb, field) => {
  const refused = await send(diskWith(), cdb);
  expect([verdict(refused), fieldInError(refused)]).toEqual(['5/24/00', field]);
});

describe('unit attentions', () => {
  it('INQUIRY and REPORT LUNS neither report nor clear one', async () => {
    const { unit, attentions } = rig();
    attentions.establish(powerOnOrReset);
    expect(verdict(await send(unit, inquiry))).toBe('good');
    expect(verdict(await send(unit, reportLuns))).toBe('good');
    expect(verdict(await send(unit, testUnitReady))).toBe('6/29/00');
  });

  it('REQUEST SENSE returns one as data and so clears it', async () => {
    const { unit, attentions } = rig();
    attentions.establish(powerOnOrReset);
    attentions.establish(capacityDataHasChanged);
    const first = await send(unit, requestSense);
    expect([verdict(first), groups(first.dataIn)]).toEqual([
      'good',
      groups(bytes('70 00 06 00000000 0a 00000000 2900 00 000000')),
    ]);
    const second = await send(unit, '03 01 00 00 ff 00');
    expect(groups(second.dataIn)).toBe('72062a09 00000000');
    expect((await send(unit, requestSense)).dataIn[2]).toBe(0);
    expect((await send(unit, '03 00 00 00 04 00')).dataIn).toHaveLength(4);
  });

  it('are told one by one, oldest first', async () => {
    const { unit, attentions } = rig();
    attentions.establish(capacityDataHasChanged);
    attentions.establish(powerOnOrReset);
    expect(verdict(await send(unit, testUnitReady))).toBe('6/2a/09');
    expect(verdict(await send(unit, testUnitReady))).toBe('6/29/00');
    expect(verdict(await send(unit, testUnitReady))).toBe('good');
  });

  it('every nexus learns of a power on of its own, and of a new capacity', async () => {
    const { unit } = rig();
    unit.attach(alice);
    unit.attach(bob);
    unit.resize(plainMedium.sizeBytes * 2);
    for (const nexus of [alice, bob]) {
      expect(verdict(await send(unit, testUnitReady, '', nexus))).toBe('6/29/00');
      expect(verdict(await send(unit, testUnitReady, '', nexus))).toBe('6/2a/09');
      expect(verdict(await send(unit, testUnitReady, '', nexus))).toBe('good');
    }
  });

  it('a size that gives no other number of blocks is not told', () => {
    const { unit, attentions } = rig();
    unit.attach(alice);
    attentions.take();
    unit.resize(plainMedium.sizeBytes + 511);
    expect(attentions.pending).toBe(false);
  });

  it('only the nexus that was lost is told so', async () => {
    const { unit, reservations } = rig();
    unit.nexusLost(alice);
    expect(reservations.unitAttentions(bob).pending).toBe(false);
    expect(verdict(await send(unit, testUnitReady))).toBe('6/29/07');
  });
});

describe('commands that change nothing', () => {
  it.each([
    ['START STOP UNIT, start', '1b 00 00 00 01 00', 'good', ''],
    ['START STOP UNIT, stop, immediately', '1b 01 00 00 00 00', 'good', ''],
    ['START STOP UNIT, eject', '1b 00 00 00 02 00', '5/24/00', 'cdb 4 bit 1'],
    ['START STOP UNIT, load', '1b 00 00 00 03 00', '5/24/00', 'cdb 4 bit 1'],
    ['START STOP UNIT, standby', '1b 00 00 00 30 00', '5/24/00', 'cdb 4 bit 7'],
    ['PREVENT ALLOW MEDIUM REMOVAL, allow', '1e 00 00 00 00 00', 'good', ''],
    ['PREVENT ALLOW MEDIUM REMOVAL, prevent', '1e 00 00 00 01 00', 'good', ''],
    ['PREVENT ALLOW MEDIUM REMOVAL, changer', '1e 00 00 00 02 00', '5/24/00', 'cdb 4 bit 1'],
    ['SEND DIAGNOSTIC, default self-test', '1d 04 00 0000 00', 'good', ''],
    ['SEND DIAGNOSTIC, background self-test', '1d 20 00 0000 00', '5/24/00', 'cdb 1 bit 7'],
    ['SEND DIAGNOSTIC with a page', '1d 10 00 0004 00', '5/24/00', 'cdb 3'],
    ['RESERVE(6)', '16 00 00 00 00 00', 'good', ''],
    ['RESERVE(6), third party', '16 10 00 00 00 00', '5/24/00', 'cdb 1 bit 4'],
    ['RELEASE(6), extent', '17 01 00 00 00 00', '5/24/00', 'cdb 1 bit 0'],
  ])('%s', async (_, cdb, expected, field) => {
    const sent = await send(diskWith(), cdb);
    expect(verdict(sent)).toBe(expected);
    if (field !== '') expect(fieldInError(sent)).toBe(field);
  });
});

it.each([
  'FORMAT UNIT 04 00 00 00 00 00',
  'READ BUFFER 3c 00 00000000 000000 00',
  'WRITE BUFFER 3b 00 00000000 000000 00',
  'LOG SENSE 4d 00 40 00 000000 00ff 00',
  'READ(32) 7f 00 00000000 00 18 0009',
  'vendor specific, group 6 c0 00 00 00 00 00',
  'vendor specific, group 7 ff 00 00 00 00 00',
  'reserved, group 3 60 00 00 00 00 00',
])('%s does not exist', async (command) => {
  const [cdb = ''] = /(?:[0-9a-f]{2,} ?)+$/.exec(command) ?? [];
  expect(verdict(await send(diskWith(), cdb))).toBe('5/20/00');
});

it('bytes that a CDB lacks are zeros, those it has too many do not matter', async () => {
  expect(verdict(await send(diskWith(), '00'))).toBe('good');
  expect(verdict(await send(diskWith(), ''))).toBe('good');
  const inquiryOfNothing = await send(diskWith(), '12');
  expect([verdict(inquiryOfNothing), inquiryOfNothing.dataIn.length]).toEqual(['good', 0]);
  expect(verdict(await send(diskWith(), `00${'ff'.repeat(3)}0000${'ff'.repeat(100)}`))).toBe(
    'good',
  );
});
