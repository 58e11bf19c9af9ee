import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModeSettings } from '../../../src/scsi/mode-pages.js';
import { bytes, groups } from './support/bytes.js';
import {
  alice,
  bob,
  diskWith,
  fieldInError,
  plainMedium,
  ScriptedReservations,
  send,
  verdict,
} from './support/disk.js';

const caching = '08 12 04 00 0000 0000 0000 0000 00 00 0000 00 000000';
const control = '0a 0a 00 10 00 00 0000 ffff 0000';

describe('MODE SENSE, golden bytes', () => {
  const cases: [string, string, string][] = [
    ['(6) all pages', '1a 00 3f 00 ff 00', `2b 00 10 08 00200000 00 000200 ${caching} ${control}`],
    [
      '(6) all pages and subpages',
      '1a 00 3f ff ff 00',
      `2b 00 10 08 00200000 00 000200 ${caching} ${control}`,
    ],
    ['(6) without descriptor', '1a 08 0a 00 ff 00', `0f 00 10 00 ${control}`],
    ['(6) caching', '1a 08 08 00 ff 00', `17 00 10 00 ${caching}`],
    [
      '(6) changeable',
      '1a 08 7f 00 ff 00',
      `23 00 10 00 08 12 ${'00'.repeat(18)} 0a 0a 04 00 08 ${'00'.repeat(7)}`,
    ],
    ['(6) default', '1a 08 bf 00 ff 00', `23 00 10 00 ${caching} ${control}`],
    [
      '(10) all pages',
      '5a 00 3f 00 000000 00ff 00',
      `002e 00 10 00 00 0008 00200000 00 000200 ${caching} ${control}`,
    ],
    [
      '(10) long descriptor',
      '5a 10 0a 00 000000 00ff 00',
      `0022 00 10 01 00 0010 0000000000200000 00000000 00000200 ${control}`,
    ],
    ['(10) without descriptor', '5a 18 0a 00 000000 00ff 00', `0012 00 10 01 00 0000 ${control}`],
  ];
  it.each(cases)('%s', async (_, cdb, hex) => {
    const answer = await send(diskWith(), cdb);
    expect([verdict(answer), groups(answer.dataIn)]).toEqual(['good', groups(bytes(hex))]);
  });

  it('WP on a read-only disk', async () => {
    const unit = diskWith({ medium: { ...plainMedium, readOnly: true } });
    expect(groups((await send(unit, '1a 08 0a 00 04 00')).dataIn)).toBe('0f009000');
    expect(groups((await send(unit, '5a 08 0a 00 000000 0008 00')).dataIn)).toBe(
      '00120090 00000000',
    );
  });

  it('a descriptor of a disk with more blocks than it has room for', async () => {
    const unit = diskWith({ medium: { ...plainMedium, sizeBytes: 2 ** 42 } });
    const short = (await send(unit, '1a 00 0a 00 ff 00')).dataIn;
    expect(groups(short.subarray(4, 12))).toBe('ffffffff 00000200');
    const long = (await send(unit, '5a 10 0a 00 000000 00ff 00')).dataIn;
    expect(groups(long.subarray(8, 16))).toBe('00000002 00000000');
  });

  it('is cut to the allocation length, its own length is not', async () => {
    for (const length of [0, 1, 3, 4, 8, 12, 43, 44, 255]) {
      const allocation = length.toString(16).padStart(2, '0');
      const { dataIn } = await send(diskWith(), `1a 00 3f 00 ${allocation} 00`);
      expect(dataIn).toHaveLength(Math.min(length, 44));
      if (length > 0) expect(dataIn[0]).toBe(43);
    }
  });
});

describe('MODE SENSE refuses', () => {
  it.each([
    ['saved values', '1a 00 ff 00 ff 00', '5/39/00', 'nowhere'],
    ['an unknown page', '1a 00 01 00 ff 00', '5/24/00', 'cdb 2 bit 5'],
    ['page 0', '1a 00 00 00 ff 00', '5/24/00', 'cdb 2 bit 5'],
    ['an unknown subpage', '1a 00 0a 01 ff 00', '5/24/00', 'cdb 3'],
    ['a subpage of all pages', '5a 00 3f 01 000000 00ff 00', '5/24/00', 'cdb 3'],
  ])('%s', async (_, cdb, expected, field) => {
    const answer = await send(diskWith(), cdb);
    expect([verdict(answer), fieldInError(answer)]).toEqual([expected, field]);
  });
});

function rig() {
  const reservations = new ScriptedReservations();
  const told: ModeSettings[] = [];
  const unit = diskWith({ reservations, onSettings: (settings) => told.push(settings) });
  for (const nexus of [alice, bob]) {
    unit.attach(nexus);
    reservations.unitAttentions(nexus).take();
  }
  return { reservations, unit, told };
}

/** A list with its length in the CDB. */
function select6(list: string): [string, string] {
  const length = bytes(list).length.toString(16).padStart(2, '0');
  return [`15 10 0000 ${length} 00`, list];
}

function select10(list: string): [string, string] {
  const length = bytes(list).length.toString(16).padStart(4, '0');
  return [`55 10 0000000000 ${length} 00`, list];
}

const header6 = '00 00 00 00';
const header10 = '0000 00 00 00 00 0000';
const descriptorSense = control.replace('0a 0a 00', '0a 0a 04');
const writeProtect = control.replace('10 00', '10 08');

describe('MODE SELECT', () => {
  it.each([
    ['(6)', select6(`${header6} ${descriptorSense}`)],
    ['(10)', select10(`${header10} ${descriptorSense}`)],
  ])('%s sets D_SENSE, tells the data plane and the other nexus', async (_, [cdb, list]) => {
    const { unit, told, reservations } = rig();
    expect(verdict(await send(unit, cdb, list))).toBe('good');
    expect(told).toEqual([{ descriptorSense: true, softwareWriteProtect: false }]);
    expect(reservations.unitAttentions(alice).pending).toBe(false);

    const refused = await send(unit, 'ff 00 00 00 00 00');
    expect(groups(refused.sense)).toBe('72052000 00000000');
    const attention = await send(unit, '00 00 00 00 00 00', '', bob);
    expect(groups(attention.sense)).toBe('72062a01 00000000');
    const sensed = await send(unit, '1a 08 0a 00 ff 00', '', bob);
    expect(groups(sensed.dataIn.subarray(4))).toBe(groups(bytes(descriptorSense)));
  });

  it('sets SWP, which MODE SENSE shows in WP, too', async () => {
    const { unit, told } = rig();
    await send(unit, ...select6(`${header6} ${writeProtect}`));
    expect(told).toEqual([{ descriptorSense: false, softwareWriteProtect: true }]);
    const { dataIn } = await send(unit, '1a 08 0a 00 ff 00');
    expect(groups(dataIn)).toBe(groups(bytes(`0f 00 90 00 ${writeProtect}`)));
    await send(unit, ...select6(`${header6} ${control}`));
    expect(told).toHaveLength(2);
    expect(unit.settings.softwareWriteProtect).toBe(false);
  });

  it('takes what MODE SENSE returned, descriptors and PS included, and tells nobody', async () => {
    const { unit, told, reservations } = rig();
    const sensed6 = (await send(unit, '1a 00 3f 00 ff 00')).dataIn;
    sensed6.set([0, 0, 0x90], 0); // MODE DATA LENGTH is reserved in MODE SELECT
    sensed6[12] = 0x88; // PS
    expect(verdict(await send(unit, ...select6(sensed6.toString('hex'))))).toBe('good');
    const sensed10 = (await send(unit, '5a 10 3f 00 000000 00ff 00')).dataIn;
    expect(verdict(await send(unit, ...select10(sensed10.toString('hex'))))).toBe('good');
    expect([told, reservations.unitAttentions(bob).pending]).toEqual([[], false]);
  });

  it('takes an empty list, one without pages, and a descriptor without a number of blocks', async () => {
    const { unit } = rig();
    for (const list of ['', header6, '00 00 00 08 00000000 00 000200']) {
      expect([list, verdict(await send(unit, ...select6(list)))]).toEqual([list, 'good']);
    }
  });

  it('takes several pages, each of which changes its own settings alone', async () => {
    const { unit } = rig();
    await send(unit, ...select6(`${header6} ${writeProtect} ${caching}`));
    expect(unit.settings).toEqual({ descriptorSense: false, softwareWriteProtect: true });
  });

  it('an attention is not established twice', async () => {
    const { unit, reservations } = rig();
    await send(unit, ...select6(`${header6} ${writeProtect}`));
    await send(unit, ...select6(`${header6} ${control}`));
    reservations.unitAttentions(bob).take();
    expect(reservations.unitAttentions(bob).pending).toBe(false);
  });

  const bad: [string, [string, string], string, string][] = [
    ['PF = 0', ['15 00 0000 00 00', ''], '5/24/00', 'cdb 1 bit 4'],
    ['SP = 1', ['15 11 0000 00 00', ''], '5/24/00', 'cdb 1 bit 0'],
    ['half a header', select6('00 00 00'), '5/1a/00', 'nowhere'],
    ['half a header (10)', select10('0000 0000 0000 00'), '5/1a/00', 'nowhere'],
    ['fewer bytes than the CDB says', ['15 10 0000 10 00', header6], '5/1a/00', 'nowhere'],
    ['more than 8 KiB', ['55 10 0000000000 ffff 00', '00'.repeat(8192)], '5/1a/00', 'nowhere'],
    ['a cut descriptor', select6('00 00 00 08 00200000 00 0002'), '5/1a/00', 'nowhere'],
    ['a huge descriptor', select10('0000 00 00 00 00 ffff'), '5/1a/00', 'nowhere'],
    ['a descriptor of 4 bytes', select6('00 00 00 04 00000000'), '5/26/00', 'list 4'],
    ['another number of blocks', select6('00 00 00 08 00200001 00 000200'), '5/26/00', 'list 4'],
    ['another block length', select6('00 00 00 08 00200000 00 001000'), '5/26/00', 'list 4'],
    [
      'a long descriptor without LONGLBA',
      select10('0000 00 00 00 00 0010 0000000000200000 00000000 00000200'),
      '5/26/00',
      'list 8',
    ],
    ['an unknown page', select6(`${header6} 01 00`), '5/26/00', 'list 4 bit 5'],
    ['a subpage', select6(`${header6} 4a 01 0000`), '5/26/00', 'list 4 bit 5'],
    [
      'a page of another length',
      select6(`${header6} 0a 0b ${'00'.repeat(11)}`),
      '5/26/00',
      'list 5',
    ],
    ['a shorter page', select6(`${header6} 0a 08 ${control.slice(6, 30)}`), '5/26/00', 'list 5'],
    ['half a page', select6(`${header6} 0a 0a 00 10`), '5/1a/00', 'nowhere'],
    ['half a page header', select6(`${header6} 0a`), '5/1a/00', 'nowhere'],
    ['WCE cleared', select6(`${header6} ${caching.replace('04', '00')}`), '5/26/00', 'list 6'],
    ['TAS', select6(`${header6} ${control.replace('10 00 00', '10 00 40')}`), '5/26/00', 'list 9'],
    [
      'a bad page after a good one',
      select10(`${header10} ${descriptorSense} ${caching.replace('04', '05')}`),
      '5/26/00',
      'list 22',
    ],
  ];
  it.each(bad)('refuses %s, and changes nothing', async (_, [cdb, list], expected, field) => {
    const { unit, told, reservations } = rig();
    const answer = await send(unit, cdb, list);
    expect([verdict(answer), fieldInError(answer)]).toEqual([expected, field]);
    expect([told, reservations.unitAttentions(bob).pending]).toEqual([[], false]);
  });

  it('answers any list', async () => {
    const { unit } = rig();
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 64 }),
        fc.constantFrom(select6, select10),
        async (list, select) => {
          const [cdb, hex] = select(Buffer.from(list).toString('hex'));
          const answer = await send(unit, cdb, hex);
          expect([0x00, 0x02]).toContain(answer.status);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

it('a logical unit reset brings the defaults back and tells everybody', async () => {
  const { unit, told, reservations } = rig();
  await send(unit, ...select6(`${header6} ${descriptorSense}`));
  reservations.unitAttentions(bob).take();
  unit.reset();
  expect(told.at(-1)).toEqual({ descriptorSense: false, softwareWriteProtect: false });
  for (const nexus of [alice, bob]) {
    expect(verdict(await send(unit, '00 00 00 00 00 00', '', nexus))).toBe('6/29/03');
  }
});
