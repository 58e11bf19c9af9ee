import { describe, expect, it } from 'vitest';
import { guestNexus, guestNexusWithId, isInitiatorName, nexusOf } from '../../../src/pr/nexus.js';
import { formatTransportId, type TransportId } from '../../../src/pr/transport-id.js';

const name = 'iqn.2026-01.org.example:node-1';

describe('an initiator name', () => {
  it.each([
    name,
    'iqn.2026-12.org.example',
    'IQN.2026-01.org.Example:Node.1:a',
    'eui.02004567a425678d',
    'naa.52004567ba64678d',
    'naa.62004567ba64678d0123456789abcdef',
    `iqn.2026-01.org.example:${'x'.repeat(223 - 24)}`,
  ])('can be %s', (text) => {
    expect(isInitiatorName(text)).toBe(true);
  });

  it.each([
    '',
    'node-1',
    'iqn.2026-13.org.example:a',
    'iqn.26-01.org.example:a',
    'iqn.2026-01.',
    `${name},i,0x0`,
    `${name}\n`,
    `${name}\0`,
    `${name} b`,
    'eui.02004567a425678',
    'naa.52004567ba64678d0',
    `iqn.2026-01.org.example:${'x'.repeat(223 - 23)}`,
  ])('can not be %j', (text) => {
    expect(isInitiatorName(text)).toBe(false);
  });
});

describe('the nexus of a guest', () => {
  it('has one port, ISID 0, at target port 1', () => {
    expect(guestNexus(name)).toEqual({
      id: 'iqn.2026-01.org.example:node-1,i,0x000000000000,t,0x0001',
      transportId: { protocol: 'iscsi', name, isid: 0n },
      relativeTargetPort: 1,
    });
  });

  it('does not depend on case', () => {
    expect(guestNexus(name.toUpperCase())).toEqual(guestNexus(name));
  });

  it('is found again by its id, and by no other text', () => {
    const { id } = guestNexus(name);
    expect(guestNexusWithId(id)).toEqual(guestNexus(name));
    expect(guestNexusWithId(name)).toBeUndefined();
    expect(guestNexusWithId(id.replace('0001', '0002'))).toBeUndefined();
    expect(guestNexusWithId(id.replace('000000,', '000001,'))).toBeUndefined();
    expect(guestNexusWithId(id.toUpperCase())).toBeUndefined();
    expect(guestNexusWithId('')).toBeUndefined();
  });
});

it('different initiator and target ports are different nexuses', () => {
  const ports: TransportId[] = [
    { protocol: 'fibre-channel', portName: 1n },
    { protocol: 'parallel-scsi', scsiAddress: 1, relativeTargetPort: 1 },
    { protocol: 'parallel-scsi', scsiAddress: 1, relativeTargetPort: 2 },
    { protocol: 'sbp', eui64: 1n },
    { protocol: 'srp', initiatorPort: 1n },
    { protocol: 'iscsi', name, isid: undefined },
    { protocol: 'iscsi', name, isid: 0n },
    { protocol: 'iscsi', name, isid: 1n },
    { protocol: 'sas', address: 1n },
    { protocol: 'sop', routingId: 1 },
  ];
  const texts = ports.map(formatTransportId);
  expect(new Set(texts).size).toBe(ports.length);
  const ids = ports.flatMap((port) => [nexusOf(port, 1).id, nexusOf(port, 2).id]);
  expect(new Set(ids).size).toBe(2 * ports.length);
});
