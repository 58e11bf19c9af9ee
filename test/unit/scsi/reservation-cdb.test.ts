import { describe, expect, it } from 'vitest';
import { deviceActions } from '../../../src/fan-out/refusals.js';
import { decodeReservationCdb } from '../../../src/scsi/reservation-cdb.js';
import { senseText } from '../emulated/support/outcome-text.js';

const list = Buffer.alloc(24);
list.writeBigUInt64BE(0xa1n, 0);
list.writeBigUInt64BE(0xb2n, 8);

function decode(cdb: string) {
  return decodeReservationCdb(Buffer.from(cdb, 'hex'), list, deviceActions);
}

describe('decodeReservationCdb', () => {
  it('reads PERSISTENT RESERVE IN', () => {
    expect(decode('5e030000000000123400')).toEqual({
      value: { command: { action: 'read-full-status' }, allocationLength: 0x1234 },
    });
  });

  it('reads PERSISTENT RESERVE OUT with its list', () => {
    expect(decode('5f050500000000001800')).toEqual({
      value: {
        command: {
          action: 'preempt-and-abort',
          prkey: 0xa1n,
          serviceActionKey: 0xb2n,
          scope: 'logical-unit',
          type: 'write-exclusive-registrants-only',
        },
        allocationLength: 0,
      },
    });
  });

  it.each([
    ['READ(10)', '28000000000000001800', '5/20/00'],
    ['a report that does not exist', '5e040000000000001800', '5/24/00'],
    ['an action that is not offered', '5f080000000000001800', '5/24/00'],
    ['PERSISTENT RESERVE IN with NACA', '5e000000000000001804', '5/24/00'],
    ['PERSISTENT RESERVE OUT with NACA', '5f000000000000001804', '5/24/00'],
    ['a list longer than what was sent', '5f000000000000001900', '5/1a/00'],
  ])('refuses %s', (_, cdb, sense) => {
    const { refusal } = decode(cdb);
    expect(refusal && senseText(refusal)).toBe(sense);
  });
});
