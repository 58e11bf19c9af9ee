import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTransportId, type TransportId } from '../../../src/pr/transport-id.js';
import {
  decodeShownTransportId,
  decodeTransportIds,
  encodeTransportId,
} from '../../../src/scsi/transport-id.js';
import { transportIds } from './support/arbitraries.js';
import { bytes, groups } from './support/bytes.js';

const golden: [string, TransportId, string][] = [
  [
    'Fibre Channel',
    { protocol: 'fibre-channel', portName: 0x21000024ff123456n },
    '00 00000000000000 21000024ff123456 0000000000000000',
  ],
  [
    'parallel SCSI',
    { protocol: 'parallel-scsi', scsiAddress: 7, relativeTargetPort: 2 },
    '01 00 0007 0000 0002 00000000000000000000000000000000',
  ],
  [
    'IEEE 1394',
    { protocol: 'sbp', eui64: 0x0011223344556677n },
    '03 00000000000000 0011223344556677 0000000000000000',
  ],
  [
    'SRP',
    { protocol: 'srp', initiatorPort: 0xfe800000000000000002c90300abcdefn },
    '04 00000000000000 fe800000000000000002c90300abcdef',
  ],
  [
    'iSCSI initiator port',
    { protocol: 'iscsi', name: 'iqn.2026-01.org.example:a', isid: 0x00023d000001n },
    `45 00 002c ${Buffer.from('iqn.2026-01.org.example:a,i,0x00023d000001').toString('hex')} 0000`,
  ],
  [
    'iSCSI initiator device',
    { protocol: 'iscsi', name: 'eui.0123456789abcdef', isid: undefined },
    `05 00 0018 ${Buffer.from('eui.0123456789abcdef').toString('hex')} 00000000`,
  ],
  [
    'SAS',
    { protocol: 'sas', address: 0x5000c50012345678n },
    '06 000000 5000c50012345678 000000000000000000000000',
  ],
  [
    'PCI Express',
    { protocol: 'sop', routingId: 0x0300 },
    '0a 00 0300 0000000000000000000000000000000000000000',
  ],
];

describe('golden bytes', () => {
  it.each(golden)('%s', (_, id, hex) => {
    expect(groups(encodeTransportId(id))).toBe(groups(bytes(hex)));
    expect(decodeTransportIds(bytes(hex), 28)).toEqual({ value: [id] });
  });

  it('decodes several in a row', () => {
    const ids = golden.map(([, id]) => id);
    const list = Buffer.concat(golden.map(([, , hex]) => bytes(hex)));
    expect(decodeTransportIds(list, 28)).toEqual({ value: ids });
  });
});

describe('refused, with the place of the bad one', () => {
  const sas = '06 000000 5000c50012345678 000000000000000000000000';
  const ascii = (text: string) => Buffer.from(text, 'ascii').toString('hex');
  const iscsi = (text: string, format = '45') => {
    const name = Buffer.from(text, 'latin1');
    const length = Math.max(20, Math.ceil(name.length / 4) * 4);
    const padded = Buffer.concat([name], length);
    return `${format} 00 ${length.toString(16).padStart(4, '0')} ${padded.toString('hex')}`;
  };
  const bad: [string, string][] = [
    ['cut off', sas.slice(0, -2)],
    ['cut off in its header', '05 00'],
    ['unknown protocol', `0f${sas.slice(2)}`],
    ['obsolete protocol', `02${sas.slice(2)}`],
    ['unknown format', `46${sas.slice(2)}`],
    ['iSCSI longer than the list', '45 00 0018 69716e2e'],
    ['iSCSI of no length', `45 00 0000 ${'00'.repeat(20)}`],
    ['iSCSI length below 20', `05 00 0010 ${ascii('iqn.2026-01.a:b')} 00`],
    [
      'iSCSI length not a multiple of 4',
      `05 00 0015 ${ascii('iqn.2026-01.a:b')} ${'00'.repeat(6)}`,
    ],
    ['iSCSI without a null', `05 00 0014 ${ascii('iqn.2026-01.a:bcdefg')}`],
    ['iSCSI without a name', iscsi(',i,0x1\0')],
    ['iSCSI port without an ISID', iscsi('iqn.2026-01.a:b\0')],
    ['iSCSI device with an ISID', iscsi('iqn.2026-01.a:b,i,0x1\0', '05')],
    ['iSCSI ISID of no digits', iscsi('iqn.2026-01.a:b,i,0x\0')],
    ['iSCSI ISID of too many', iscsi('iqn.2026-01.a:b,i,0x1234567890123\0')],
    ['iSCSI ISID of no hex', iscsi('iqn.2026-01.a:b,i,0xg\0')],
    ['iSCSI with two ISIDs', iscsi('iqn.2026-01.a:b,i,0x1,i,0x2\0')],
    ['iSCSI name with a line break', iscsi('iqn.2026-01.a:b\nc,i,0x1\0')],
    ['iSCSI name of 224 bytes', iscsi(`iqn.2026-01.${'a'.repeat(212)},i,0x1\0`)],
    ['iSCSI of an unknown format', iscsi('iqn.2026-01.a:b,i,0x1\0', '85')],
  ];
  it.each(bad)('%s', (_, hex) => {
    const refusal = {
      senseKey: 0x5,
      asc: 0x26,
      ascq: 0x00,
      field: { of: 'parameter-list', byte: 28 + 24, bit: undefined },
    };
    expect(decodeTransportIds(bytes(sas + hex), 28)).toEqual({ refusal });
  });
});

it('takes an iSCSI name in any case, and compares in lower case', () => {
  const data = encodeTransportId({ protocol: 'iscsi', name: 'IQN.2026-01.ORG:A', isid: 0xabcn });
  expect(decodeTransportIds(data, 0)).toEqual({
    value: [{ protocol: 'iscsi', name: 'iqn.2026-01.org:a', isid: 0xabcn }],
  });
});

it('decodes what it encodes, any number of them', () => {
  fc.assert(
    fc.property(fc.array(transportIds, { maxLength: 8 }), (ids) => {
      const list = Buffer.concat(ids.map(encodeTransportId));
      expect(list.length % 4).toBe(0);
      expect(decodeTransportIds(list, 28)).toEqual({ value: ids });
    }),
  );
});

it('decodes or refuses any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
      const { value, refusal } = decodeTransportIds(Buffer.from(data), 28);
      expect(value === undefined).not.toBe(refusal === undefined);
    }),
    { numRuns: 2000 },
  );
});

describe('as a device shows it', () => {
  it.each(golden)('%s', (_, id, hex) => {
    expect(decodeShownTransportId(bytes(hex))).toEqual(id);
  });

  const strange: [string, string][] = [
    ['nothing', ''],
    ['half a header', '0500'],
    ['an unknown protocol', '0f 000000 5000c50012345678 000000000000000000000000'],
    ['an unknown format', '86 000000 5000c50012345678 000000000000000000000000'],
    ['iSCSI without a name', `45 00 0014 ${'00'.repeat(20)}`],
    ['SAS, too long', `06 000000 5000c50012345678 ${'00'.repeat(16)}`],
  ];
  it.each(strange)('%s is kept as it is', (_, hex) => {
    const id = decodeShownTransportId(bytes(hex));
    expect(id).toEqual({ protocol: 'other', bytes: new Uint8Array(bytes(hex)) });
    expect(groups(encodeTransportId(id))).toBe(groups(bytes(hex)));
    expect(formatTransportId(id)).toBe(`other.${bytes(hex).toString('hex')}`);
  });

  it('is shown on with the same bytes, or means the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
        const id = decodeShownTransportId(Buffer.from(data));
        expect(decodeShownTransportId(encodeTransportId(id))).toEqual(id);
        if (id.protocol === 'other') expect(id.bytes).toEqual(data);
      }),
    );
  });
});
