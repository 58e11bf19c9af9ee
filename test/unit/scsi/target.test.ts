import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScsiTarget } from '../../../src/scsi/target.js';
import { bytes, groups } from './support/bytes.js';
import { alice, diskWith, response, ScriptedReservations, verdict } from './support/disk.js';

const lun0 = '01 00 4000 00000000';
const lun1 = '01 00 4001 00000000';
const lun9 = '01 00 4009 00000000';
const wellKnown = 'c101 0000 00000000';
const testUnitReady = '00 00 00 00 00 00';
const requestSense = '03 00 00 00 ff 00';
const inquiry = '12 00 00 00ff 00';
const reportLuns = (select = '00', allocation = '00001000') =>
  `a0 00 ${select} 000000 ${allocation} 00 00`;

async function send(target: ScsiTarget, lun: string, cdb: string) {
  const request = { lun: bytes(lun), cdb: bytes(cdb), dataOut: Buffer.alloc(0) };
  return response(await target.execute(request));
}

/** Disks at `luns`, their unit attentions taken. */
function targetWith(...luns: number[]) {
  const target = new ScsiTarget(alice);
  const disks = luns.map((lun) => {
    const reservations = new ScriptedReservations();
    const unit = diskWith({ reservations });
    target.plug(lun, unit);
    return { unit, attentions: reservations.unitAttentions(alice) };
  });
  for (const { attentions } of disks) while (attentions.take() !== undefined);
  return { target, disks };
}

describe('REPORT LUNS', () => {
  it('lists the LUNs in ascending order', async () => {
    const { target } = targetWith(300, 1, 0);
    expect(groups((await send(target, lun0, reportLuns())).dataIn)).toBe(
      groups(bytes('00000018 00000000 0000000000000000 0001000000000000 412c000000000000')),
    );
  });

  it.each([
    ['01', '00000008 00000000 c101000000000000'],
    ['02', '00000010 00000000 0000000000000000 c101000000000000'],
  ])('SELECT REPORT %s', async (select, expected) => {
    const { target } = targetWith(0);
    for (const lun of [lun0, wellKnown]) {
      const { dataIn } = await send(target, lun, reportLuns(select));
      expect(groups(dataIn)).toBe(groups(bytes(expected)));
    }
  });

  it('takes back on every LUN that the inventory has changed, and no other attention', async () => {
    for (const lun of [lun0, lun1, wellKnown]) {
      const { target, disks } = targetWith(0, 1);
      target.plug(2, diskWith({ reservations: new ScriptedReservations() }));
      expect(verdict(await send(target, lun, reportLuns('03')))).toBe('5/24/00');
      expect(disks.map(({ attentions }) => attentions.pending)).toEqual([true, true]);
      disks[0]?.attentions.establish({ senseKey: 6, asc: 0x2a, ascq: 0x01 });
      expect(verdict(await send(target, lun, reportLuns()))).toBe('good');
      expect(verdict(await send(target, lun0, testUnitReady))).toBe('6/2a/01');
      expect(verdict(await send(target, lun1, testUnitReady))).toBe('good');
    }
  });

  it('other selections are refused', async () => {
    const { target } = targetWith(0);
    for (const select of ['03', '10', '11', '12', 'ff']) {
      expect(verdict(await send(target, lun0, reportLuns(select)))).toBe('5/24/00');
    }
  });

  it('of 300 LUNs, cut to the allocation length', async () => {
    const { target } = targetWith(...Array.from({ length: 300 }, (_, lun) => lun));
    const whole = (await send(target, lun0, reportLuns())).dataIn;
    expect([whole.length, whole.readUInt32BE(0)]).toEqual([8 + 2400, 2400]);
    for (const length of [0, 1, 8, 15, 16, 2056]) {
      const allocation = length.toString(16).padStart(8, '0');
      const { dataIn } = await send(target, lun0, reportLuns('00', allocation));
      expect(groups(dataIn)).toBe(groups(whole.subarray(0, length)));
    }
    expect((await send(target, lun0, reportLuns('00', 'ffffffff'))).dataIn).toHaveLength(2408);
  });
});

describe('where no disk is', () => {
  it.each([
    ['LUN 0', lun0, 0x3f],
    ['another LUN', lun9, 0x7f],
    ['an unknown form', '01 00 8000 00000000', 0x7f],
    ['the well-known logical unit', wellKnown, 0x1e],
  ])('INQUIRY of %s', async (_, lun, peripheral) => {
    const { dataIn } = await send(targetWith(1).target, lun, inquiry);
    expect([dataIn[0], dataIn[2], dataIn[3], dataIn[4], dataIn.length]).toEqual([
      peripheral,
      0x06,
      0x12,
      31,
      36,
    ]);
    expect(dataIn.toString('latin1', 8)).toBe('HOLDFAST'.padEnd(28));
  });

  it('INQUIRY has no pages', async () => {
    for (const cdb of ['12 01 00 00ff 00', '12 02 00 00ff 00', '12 00 83 00ff 00']) {
      expect(verdict(await send(targetWith(1).target, lun0, cdb))).toBe('5/24/00');
    }
  });

  it('REQUEST SENSE tells so in its data, in the format asked for', async () => {
    const { target } = targetWith(1);
    const fixed = await send(target, lun9, requestSense);
    expect([verdict(fixed), groups(fixed.dataIn)]).toEqual([
      'good',
      groups(bytes('70 00 05 00000000 0a 00000000 2500 00 000000')),
    ]);
    const descriptor = await send(target, lun9, '03 01 00 00 ff 00');
    expect(groups(descriptor.dataIn)).toBe('72052500 00000000');
    expect((await send(target, lun9, '03 00 00 00 01 00')).dataIn).toHaveLength(1);
  });

  it('LUN 0 reports the others all the same', async () => {
    const { dataIn } = await send(targetWith(1).target, lun0, reportLuns());
    expect(groups(dataIn)).toBe('00000008 00000000 00010000 00000000');
    expect(verdict(await send(targetWith(1).target, lun9, reportLuns()))).toBe('5/25/00');
  });

  it('everything else is LOGICAL UNIT NOT SUPPORTED', async () => {
    for (const cdb of [testUnitReady, '28 00 00000000 00 0001 00', 'ff']) {
      for (const lun of [lun0, lun9]) {
        expect(verdict(await send(targetWith(1).target, lun, cdb))).toBe('5/25/00');
      }
    }
  });

  it('the well-known logical unit is ready and can do little', async () => {
    const { target } = targetWith(0);
    expect(verdict(await send(target, wellKnown, testUnitReady))).toBe('good');
    expect((await send(target, wellKnown, requestSense)).dataIn[2]).toBe(0);
    expect(verdict(await send(target, wellKnown, '28 00 00000000 00 0001 00'))).toBe('5/20/00');
  });
});

describe('unit attentions', () => {
  it('a new disk says power on, the others that there is a new one', async () => {
    const { target } = targetWith(0);
    target.plug(1, diskWith());
    expect(verdict(await send(target, lun1, testUnitReady))).toBe('6/29/00');
    expect(verdict(await send(target, lun1, testUnitReady))).toBe('good');
    expect(verdict(await send(target, lun0, testUnitReady))).toBe('6/3f/0e');
    expect(verdict(await send(target, lun0, testUnitReady))).toBe('good');
  });

  it('a disk that goes is told of, and told of nothing itself', async () => {
    const { target, disks } = targetWith(0, 1);
    target.unplug(1);
    expect(verdict(await send(target, lun0, testUnitReady))).toBe('6/3f/0e');
    expect(verdict(await send(target, lun1, testUnitReady))).toBe('5/25/00');
    disks[1]?.unit.resize(2 ** 31);
    expect(disks[1]?.attentions.pending).toBe(false);
  });

  it('nothing is told to a nexus that was detached', async () => {
    const { target, disks } = targetWith(0);
    target.detach();
    disks[0]?.unit.resize(2 ** 31);
    expect(disks[0]?.attentions.pending).toBe(false);
    expect(verdict(await send(target, lun0, testUnitReady))).toBe('5/25/00');
  });
});

it('answers any LUN and any CDB', async () => {
  const { target } = targetWith(0, 1);
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 9 }),
      fc.uint8Array({ maxLength: 40 }),
      async (lun, cdb) => {
        const answer = await target.execute({
          lun: Buffer.from(lun),
          cdb,
          dataOut: Buffer.alloc(0),
        });
        expect(answer === 'natively' || [0x00, 0x02].includes(answer.status)).toBe(true);
      },
    ),
    { numRuns: 1000 },
  );
});
