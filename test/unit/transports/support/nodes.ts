import type { NvmePathNode, ScsiPathNode } from '../../../../src/transports/path-node.js';

export const scsiNode: ScsiPathNode = {
  kind: 'scsi',
  name: 'sdc',
  address: '2:0:0:1',
  blockNode: '/dev/sdc',
  sgNode: '/dev/sg3',
  driver: 'iscsi_tcp',
  wwid: '360014051234567890123456789012345',
};

export const nvmeNode: NvmePathNode = {
  kind: 'nvme',
  name: 'nvme0n1',
  blockNode: '/dev/nvme0n1',
  controllers: ['nvme0', 'nvme1'],
  namespaceId: 1,
  hostId: '11111111000000000000000000000001',
  wwid: 'eui.0011223344556677',
};
