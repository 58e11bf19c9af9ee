import { describe, expect, it } from 'vitest';
import { defaultProduct } from '../../../src/scsi/identity.js';
import { bytes, groups } from './support/bytes.js';
import { diskWith, fieldInError, identity, plainMedium, send, verdict } from './support/disk.js';

const ascii = (text: string) => Buffer.from(text, 'ascii').toString('hex');

async function inquiry(unit = diskWith(), page?: string, allocation = '01ff'): Promise<Buffer> {
  const answer = await send(
    unit,
    page === undefined ? `12 00 00 ${allocation} 00` : `12 01 ${page} ${allocation} 00`,
  );
  expect(verdict(answer)).toBe('good');
  return answer.dataIn;
}

describe('standard data', () => {
  it('golden bytes', async () => {
    expect(groups(await inquiry())).toBe(
      groups(
        bytes(`00 00 06 12 5b 00 00 02 ${ascii('HOLDFAST')} ${ascii('VHOST-USER DISK ')}
          ${ascii('0001')} ${'00'.repeat(20)} 0000 00a0 0460 04c0 ${'00'.repeat(10)}
          ${'00'.repeat(22)}`).subarray(0, 96),
      ),
    );
  });

  it('identification is padded, cut and kept to graphic ASCII', async () => {
    const unit = diskWith({
      identity: {
        ...identity,
        vendor: 'ACME',
        product: 'a\u0000b\u00e9'.padEnd(40, 'x'),
        revision: '12',
      },
    });
    const data = await inquiry(unit);
    expect(data.toString('latin1', 8, 36)).toBe('ACME    a?b?xxxxxxxxxxxx12  ');
  });

  it('is cut to the allocation length and says its whole length all the same', async () => {
    const whole = await inquiry();
    for (const length of [0, 1, 4, 5, 8, 35, 36, 95, 96, 97, 0xff, 0xffff]) {
      const data = await inquiry(diskWith(), undefined, length.toString(16).padStart(4, '0'));
      expect(groups(data)).toBe(groups(whole.subarray(0, length)));
    }
  });

  it('no page without EVPD, and no CMDDT', async () => {
    const paged = await send(diskWith(), '12 00 80 00ff 00');
    expect([verdict(paged), fieldInError(paged)]).toEqual(['5/24/00', 'cdb 2']);
    const commandData = await send(diskWith(), '12 02 00 00ff 00');
    expect([verdict(commandData), fieldInError(commandData)]).toEqual(['5/24/00', 'cdb 1 bit 1']);
  });
});

describe('vital product data', () => {
  const serial = ascii(identity.serial);
  const naa = identity.designator.bytes.toString('hex');
  const golden: [string, string][] = [
    ['00', '00 00 0007 00 80 83 86 b0 b1 b2'],
    ['80', `00 80 0014 ${serial}`],
    [
      '83',
      `00 83 003c
       01 03 00 10 ${naa}
       02 01 00 1c ${ascii('HOLDFAST')} ${serial}
       01 14 00 04 0000 0001`,
    ],
    ['86', `00 86 003c 00 01 01 00 ${'00'.repeat(56)}`],
    [
      'b0',
      `00 b0 003c 01 00 0008 00000000 00000000 00000000 00100000 000000ff 00000008 80000000
       0000000000100000 ${'00'.repeat(20)}`,
    ],
    ['b1', `00 b1 003c 0001 ${'00'.repeat(58)}`],
    ['b2', '00 b2 0004 00 e4 02 00'],
  ];
  it.each(golden)('page %s', async (page, hex) => {
    expect(groups(await inquiry(diskWith(), page))).toBe(groups(bytes(hex)));
  });

  it('page 00 lists, in order, exactly the pages there are', async () => {
    const listed = [...(await inquiry(diskWith(), '00')).subarray(4)];
    expect(listed).toEqual([...listed].sort((a, b) => a - b));
    for (let page = 0; page < 256; page++) {
      const answer = await send(diskWith(), `12 01 ${page.toString(16).padStart(2, '0')} 01ff 00`);
      const expected = listed.includes(page) ? 'good' : '5/24/00';
      expect([page, verdict(answer)]).toEqual([page, expected]);
      if (expected !== 'good') expect(fieldInError(answer)).toBe('cdb 2');
    }
  });

  it('every page is cut to the allocation length, its own length is not', async () => {
    for (const [page] of golden) {
      const whole = await inquiry(diskWith(), page);
      expect(whole.readUInt16BE(2)).toBe(whole.length - 4);
      for (const length of [0, 1, 3, 4, 8, whole.length]) {
        const data = await inquiry(diskWith(), page, length.toString(16).padStart(4, '0'));
        expect(groups(data)).toBe(groups(whole.subarray(0, length)));
      }
    }
  });

  it('the first designator is an EUI-64 where that is the name', async () => {
    const designator = { kind: 'eui' as const, bytes: bytes('0011223344556677') };
    const data = await inquiry(diskWith({ identity: { ...identity, designator } }), '83');
    expect(groups(data.subarray(4, 16))).toBe(groups(bytes('01 02 00 08 0011223344556677')));
  });

  it('the longest serial fits, a longer one is cut', async () => {
    const unit = diskWith({ identity: { ...identity, serial: 'x'.repeat(300) } });
    expect(await inquiry(unit, '80')).toHaveLength(4 + 252);
    const ids = await inquiry(unit, '83');
    expect(ids.readUInt16BE(2)).toBe(ids.length - 4);
    expect(ids[4 + 20 + 3]).toBe(255);
  });

  it('without thin provisioning there are no UNMAP limits', async () => {
    const unit = diskWith({ medium: { ...plainMedium, thinProvisioned: false } });
    expect(groups((await inquiry(unit, 'b0')).subarray(20, 36))).toBe(groups(Buffer.alloc(16)));
    expect(groups(await inquiry(unit, 'b2'))).toBe(groups(bytes('00 b2 0004 00 00 00 00')));
  });

  it('LBPRZ only where unmapped blocks read as zeros', async () => {
    const unit = diskWith({ medium: { ...plainMedium, unmappedReadsZero: false } });
    expect(groups(await inquiry(unit, 'b2'))).toBe(groups(bytes('00 b2 0004 00 e0 02 00')));
  });

  it('shows the maximum of COMPARE AND WRITE', async () => {
    const unit = diskWith({ medium: { ...plainMedium, compareAndWriteBlocks: 64 } });
    expect((await inquiry(unit, 'b0'))[5]).toBe(64);
  });

  it('limits in blocks shrink as blocks grow', async () => {
    const medium = { ...plainMedium, blockSize: 4096 };
    const data = await inquiry(diskWith({ medium }), 'b0');
    expect([data.readUInt16BE(6), data.readUInt32BE(20), data.readUInt32BE(28)]).toEqual([
      1, 0x20000, 1,
    ]);
    expect(data.readBigUInt64BE(36)).toBe(0x20000n);
  });
});

it('vendor, product and revision fit into their fields', () => {
  expect(defaultProduct.vendor.length).toBeLessThanOrEqual(8);
  expect(defaultProduct.product.length).toBeLessThanOrEqual(16);
  expect(defaultProduct.revision.length).toBeLessThanOrEqual(4);
});
