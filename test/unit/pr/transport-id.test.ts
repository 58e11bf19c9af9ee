import { expect, it } from 'vitest';
import { couldBe, type TransportId } from '../../../src/pr/transport-id.js';

const port = (name: string, isid: bigint | undefined): TransportId => ({
  protocol: 'iscsi',
  name,
  isid,
});

it("takes every port of an iSCSI initiator for one of the host's, where no ISID is known", () => {
  const known = port('iqn.2024-01.lab:a', undefined);
  expect(couldBe(known, port('iqn.2024-01.lab:a', 0x23d000001n))).toBe(true);
  expect(couldBe(known, port('iqn.2024-01.lab:b', 0x23d000001n))).toBe(false);
  expect(couldBe(known, { protocol: 'sas', address: 1n })).toBe(false);
});

it('compares whole names where they are known', () => {
  const known = port('iqn.2024-01.lab:a', 1n);
  expect(couldBe(known, port('iqn.2024-01.lab:a', 1n))).toBe(true);
  expect(couldBe(known, port('iqn.2024-01.lab:a', 2n))).toBe(false);
  const channel: TransportId = { protocol: 'fibre-channel', portName: 1n };
  expect(couldBe(channel, { protocol: 'fibre-channel', portName: 1n })).toBe(true);
  expect(couldBe(channel, { protocol: 'fibre-channel', portName: 2n })).toBe(false);
});
