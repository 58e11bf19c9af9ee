import { expect, it } from 'vitest';
import { hostOfNexus, nexusOfHost } from '../../../src/nvme/host-identifier.js';
import { guestNexus, isInitiatorName, nexusOf } from '../../../src/pr/nexus.js';
import { decodeShownTransportId, encodeTransportId } from '../../../src/scsi/transport-id.js';

const hostId = '11111111000000000000000000000001';

it('a host is an iSCSI initiator without a port, by its UUID', () => {
  const { id, transportId } = nexusOfHost(hostId);
  expect(id).toBe('iqn.2014-08.org.nvmexpress:uuid:11111111-0000-0000-0000-000000000001,t,0x0000');
  expect(transportId.protocol === 'iscsi' && isInitiatorName(transportId.name)).toBe(true);
  expect(decodeShownTransportId(encodeTransportId(transportId))).toEqual(transportId);
});

it('one of 64 bits is told apart from one of 128', () => {
  const { id, transportId } = nexusOfHost('1122334455667788');
  expect(id).toBe('iqn.2014-08.org.nvmexpress:hostid:1122334455667788,t,0x0000');
  expect(decodeShownTransportId(encodeTransportId(transportId))).toEqual(transportId);
});

it('is the same host again on the way back', () => {
  expect(hostOfNexus(nexusOfHost(hostId))).toBe(hostId);
});

it('what is no NVMe host gets an identifier of its own, always the same', () => {
  const nexuses = [
    guestNexus('iqn.2026-11.org.example:a'),
    guestNexus('iqn.2026-11.org.example:b'),
    nexusOf({ protocol: 'sas', address: 1n }, 1),
    nexusOf({ protocol: 'sas', address: 1n }, 2),
    nexusOfHost('1122334455667788'),
    guestNexus('iqn.2014-08.org.nvmexpress:uuid:not-one'),
  ];
  const hosts = nexuses.map(hostOfNexus);
  expect(new Set(hosts).size).toBe(nexuses.length);
  expect(nexuses.map(hostOfNexus)).toEqual(hosts);
  for (const host of hosts) expect(host).toMatch(/^[0-9a-f]{12}8[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
});
