import { expect, it } from 'vitest';
import { logicalUnitOf, readPathsOf } from '../../../src/multipath/logical-unit.js';
import { readNvmePath } from '../../../src/multipath/nvme-path.js';
import { pathNode } from '../../../src/multipath/path-node.js';
import { HostTree } from './support/host-tree.js';

const subsystem = 'devices/virtual/nvme-subsystem/nvme-subsys0';
const uuid = 'uuid.11111111-2222-3333-4444-555555555555';
const hostId = '11111111-0000-0000-0000-000000000001';

function controller(host: HostTree, name: string): string {
  const folder = `devices/virtual/nvme-fabrics/ctl/${name}`;
  host.file(`${folder}/state`, 'live');
  host.file(`${folder}/hostid`, hostId);
  host.link(`class/nvme/${name}`, folder);
  return folder;
}

function namespace(host: HostTree, folder: string, device: string): void {
  host.block('nvme0n1', '259:1', folder);
  host.file(`${folder}/wwid`, uuid);
  host.file(`${folder}/nsid`, '1');
  host.file(`${folder}/diskseq`, '7');
  host.link(`${folder}/device`, device);
}

/** One namespace with native multipath over two controllers. */
function sharedNamespace(host: HostTree): { nvme0: string; nvme1: string } {
  namespace(host, `${subsystem}/nvme0n1`, subsystem);
  const [nvme0, nvme1] = ['nvme0', 'nvme1'].map((name, index) => {
    const folder = controller(host, name);
    host.link(`${subsystem}/${name}`, folder);
    host.file(`${folder}/nvme0c${index}n1/ana_state`, 'optimized');
    return folder;
  }) as [string, string];
  return { nvme0, nvme1 };
}

it('is one path with all controllers where the kernel chooses among them', () => {
  const host = new HostTree();
  sharedNamespace(host);
  const device = logicalUnitOf(host.sysfs, '259:1', '/dev/nvme0n1');
  expect(device).toEqual({ name: 'nvme0n1', wwid: uuid, map: undefined });
  const { paths } = readPathsOf(host.sysfs, device);
  expect(paths).toHaveLength(1);
  expect(paths[0]).toMatchObject({
    id: 'nvme-subsys0/11111111000000000000000000000001',
    condition: { state: 'up' },
    controllers: [
      { name: 'nvme0', condition: { state: 'up' } },
      { name: 'nvme1', condition: { state: 'up' } },
    ],
  });
  expect(paths.map((path) => pathNode(path, device.wwid))).toEqual([
    {
      kind: 'nvme',
      name: 'nvme0n1',
      blockNode: '/dev/nvme0n1',
      controllers: ['nvme0', 'nvme1'],
      namespaceId: 1,
      hostId: '11111111000000000000000000000001',
      wwid: uuid,
    },
  ]);
});

it('is up as long as one controller leads to it', () => {
  const host = new HostTree();
  const { nvme0, nvme1 } = sharedNamespace(host);
  host.file(`${nvme0}/state`, 'connecting');
  expect(readNvmePath(host.sysfs, 'nvme0n1')?.condition).toEqual({ state: 'up' });
  host.file(`${nvme1}/nvme0c1n1/ana_state`, 'inaccessible');
  expect(readNvmePath(host.sysfs, 'nvme0n1')?.condition).toEqual({
    state: 'down',
    reason: 'controller nvme0 is connecting',
  });
  host.file(`${nvme0}/state`, 'live');
  expect(readNvmePath(host.sysfs, 'nvme0n1')).toMatchObject({
    condition: { state: 'up' },
    controllers: [
      { condition: { state: 'up' } },
      {
        condition: { state: 'down', reason: 'controller nvme1 has it in ANA state inaccessible' },
      },
    ],
  });
});

it('has the id of the host, whatever becomes of the controllers', () => {
  const host = new HostTree();
  sharedNamespace(host);
  const before = readNvmePath(host.sysfs, 'nvme0n1')?.id;
  host.remove(`${subsystem}/nvme0`);
  expect(readNvmePath(host.sysfs, 'nvme0n1')).toMatchObject({
    id: before,
    controllers: [{ name: 'nvme1' }],
  });
});

it('is the path of its one controller where native multipath is off', () => {
  const host = new HostTree();
  const folder = controller(host, 'nvme0');
  namespace(host, `${folder}/nvme0n1`, folder);
  expect(readNvmePath(host.sysfs, 'nvme0n1')).toMatchObject({
    id: 'nvme0/11111111000000000000000000000001',
    controllers: [{ name: 'nvme0', condition: { state: 'up' } }],
  });
  host.file(`${folder}/state`, 'dead');
  expect(readNvmePath(host.sysfs, 'nvme0n1')?.condition).toEqual({
    state: 'down',
    reason: 'controller nvme0 is dead',
  });
});

it.each([
  ['tcp', '5', 30_000],
  ['rdma', '120', 375_000],
  ['tcp', '0', Infinity],
  ['fc', undefined, 30_000],
  ['pcie', '0', 15_000],
])('knows how long a lost command may be executed: %s, Keep Alive %s s', (kind, kato, expected) => {
  const host = new HostTree();
  const { nvme0, nvme1 } = sharedNamespace(host);
  for (const folder of [nvme0, nvme1]) host.file(`${folder}/transport`, kind);
  // The longest of all controllers counts.
  if (kato !== undefined) host.file(`${nvme1}/kato`, kato);
  if (kato === '0') host.file(`${nvme0}/kato`, '0');
  expect(readNvmePath(host.sysfs, 'nvme0n1')?.lateExecutionMs).toBe(expected);
});
