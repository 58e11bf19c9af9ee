import { expect, it } from 'vitest';
import { HostPaths } from '../../../src/multipath/host-paths.js';
import { logicalUnitOf } from '../../../src/multipath/logical-unit.js';
import { parseMapTopology } from '../../../src/multipath/map-topology.js';
import { noLimits, type PathIdentity, type PathTransport } from '../../../src/pr/transport.js';
import type { PathNode } from '../../../src/transports/path-node.js';
import { Deferred } from '../../../src/util/deferred.js';
import { HostTree, iscsiMap, sessionNexus, wwid } from './support/host-tree.js';
import { mapJson } from './support/multipathd-replies.js';

/** A transport that says what it is told to, and remembers what was done with it. */
class FakeTransport implements PathTransport {
  readonly name: string;
  readonly limits = noLimits;
  readonly identities: Promise<PathIdentity>[] = [];
  asked = 0;
  closed = false;

  constructor(name: string) {
    this.name = name;
  }

  execute = () => Promise.resolve({ kind: 'not-sent', reason: 'a fake' } as const);
  probe = () => this.execute();
  identify(): Promise<PathIdentity> {
    this.asked++;
    return this.identities.shift() ?? Promise.resolve('same');
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** The lab's map over iSCSI, its `HostPaths` not yet refreshed, and all that they opened and said. */
function setUp() {
  const host = new HostTree();
  const devices = iscsiMap(host);
  const opened: FakeTransport[] = [];
  const reports: string[] = [];
  const multipathd = {
    checkers: { sdb: 'ready', sdc: 'ready' } as Record<string, string>,
    answers: 'topology' as 'topology' | 'absent' | 'nothing',
  };
  const hooks = { open: (node: PathNode) => Promise.resolve(new FakeTransport(node.name)) };
  const paths = new HostPaths({
    sysfs: host.sysfs,
    device: logicalUnitOf(host.sysfs, '253:0', '/dev/dm-0'),
    open: async (node) => {
      const transport = await hooks.open(node);
      opened.push(transport);
      return transport;
    },
    multipathd: {
      topology: () => {
        if (multipathd.answers === 'absent') return Promise.resolve({ kind: 'absent' });
        if (multipathd.answers === 'nothing') {
          return Promise.resolve({ kind: 'unknown', reason: 'no answer' });
        }
        const value = parseMapTopology(mapJson(multipathd.checkers));
        return Promise.resolve(value === undefined ? { kind: 'absent' } : { kind: 'known', value });
      },
    },
    report: (message) => reports.push(message),
  });
  let changes = 0;
  paths.addEventListener('change', () => changes++);
  const transport = (name: string) => opened.findLast((one) => one.name === name);
  return {
    host,
    devices,
    paths,
    opened,
    reports,
    multipathd,
    hooks,
    transport,
    changes: () => changes,
    states: () => paths.paths().map(({ name, state }) => `${name} ${state}`),
  };
}

async function refreshed(paths: HostPaths): Promise<void> {
  paths.refresh();
  await paths.proven();
}

it('opens every path, and takes it for up only when the device has said what it is', async () => {
  const { paths, opened, states, transport } = setUp();
  expect(paths.name).toBe(`mpatha (${wwid})`);
  paths.refresh();
  expect(states()).toEqual(['sdb down', 'sdc down']);
  await paths.proven();
  expect(states()).toEqual(['sdb up', 'sdc up']);
  expect(opened.map(({ name, asked }) => [name, asked])).toEqual([
    ['sdb', 1],
    ['sdc', 1],
  ]);
  expect(paths.paths()[0]?.transport).toBe(transport('sdb'));
  expect(paths.paths()[0]).toMatchObject({
    id: sessionNexus(1),
    initiator: { protocol: 'iscsi', name: 'iqn.2024-01.lab:a' },
  });
});

it('says nothing while nothing changes', async () => {
  const { paths, changes, reports } = setUp();
  await refreshed(paths);
  const [before, said] = [changes(), reports.length];
  expect(before).toBeGreaterThan(0);
  await refreshed(paths);
  await refreshed(paths);
  expect(changes()).toBe(before);
  expect(reports.length).toBe(said);
});

it('asks for the identity again after a path was down', async () => {
  const { host, paths, states, transport, reports, changes } = setUp();
  await refreshed(paths);
  host.sessionState(2, 'FAILED');
  const before = changes();
  await refreshed(paths);
  expect(states()).toEqual(['sdb up', 'sdc down']);
  expect(changes()).toBe(before + 1);
  expect(reports.at(-1)).toBe('path sdc is down: iSCSI session2 is FAILED');
  expect(transport('sdc')?.asked).toBe(1);
  expect(transport('sdc')?.closed).toBe(false);

  host.sessionState(2, 'LOGGED_IN');
  paths.refresh();
  expect(states()).toEqual(['sdb up', 'sdc down']);
  await paths.proven();
  expect(states()).toEqual(['sdb up', 'sdc up']);
  expect(transport('sdc')?.asked).toBe(2);
});

it('drops a path whose device is another logical unit, whatever sysfs says', async () => {
  const { host, paths, states, transport, reports } = setUp();
  await refreshed(paths);
  host.sessionState(2, 'FAILED');
  await refreshed(paths);
  transport('sdc')?.identities.push(Promise.resolve('other'));
  host.sessionState(2, 'LOGGED_IN');
  await refreshed(paths);
  expect(states()).toEqual(['sdb up']);
  expect(reports.at(-1)).toBe('path sdc is down: it leads to another logical unit');
  await refreshed(paths);
  expect(states()).toEqual(['sdb up']);
  expect(transport('sdc')?.asked).toBe(2);
});

it('asks again while a device does not say what it is', async () => {
  const { paths, states, hooks } = setUp();
  const silent = new FakeTransport('sdc');
  silent.identities.push(Promise.resolve('unknown'), Promise.resolve('unknown'));
  hooks.open = (node) => Promise.resolve(node.name === 'sdc' ? silent : new FakeTransport('sdb'));
  await refreshed(paths);
  expect(states()).toEqual(['sdb up', 'sdc down']);
  await refreshed(paths);
  expect(states()).toEqual(['sdb up', 'sdc down']);
  await refreshed(paths);
  expect(states()).toEqual(['sdb up', 'sdc up']);
});

it('takes no answer that was given before the path went down', async () => {
  const { host, paths, states, hooks } = setUp();
  const slow = new FakeTransport('sdc');
  const answer = new Deferred<PathIdentity>();
  slow.identities.push(answer.promise, Promise.resolve('other'));
  hooks.open = (node) => Promise.resolve(node.name === 'sdc' ? slow : new FakeTransport('sdb'));
  paths.refresh();
  await Promise.resolve();
  host.sessionState(2, 'FAILED');
  paths.refresh();
  host.sessionState(2, 'LOGGED_IN');
  paths.refresh();
  answer.resolve('same');
  await paths.proven();
  expect(states()).toEqual(['sdb up', 'sdc down']);
  await refreshed(paths);
  expect(states()).toEqual(['sdb up']);
});

it('does not let a path that hangs hold up another', async () => {
  const { host, paths, states, hooks } = setUp();
  hooks.open = (node) =>
    node.name === 'sdb' ? new Promise(() => undefined) : Promise.resolve(new FakeTransport('sdc'));
  const isUp = new Promise<void>((resolve) => {
    paths.addEventListener('change', () => {
      if (states().includes('sdc up')) resolve();
    });
  });
  paths.refresh();
  await isUp;
  expect(states()).toEqual(['sdb down', 'sdc up']);
  const stand = paths.paths()[0]?.transport;
  expect(await stand?.probe(0)).toMatchObject({ kind: 'not-sent' });
  host.sessionState(2, 'FAILED');
  paths.refresh();
  expect(states()).toEqual(['sdb down', 'sdc down']);
});

it('lists a path that may not be opened as down, says why, and tries again', async () => {
  const { paths, states, hooks, reports } = setUp();
  const open = hooks.open;
  hooks.open = (node) =>
    node.name === 'sdc' ? Promise.reject(new Error('no node may be opened')) : open(node);
  await refreshed(paths);
  expect(states()).toEqual(['sdb up', 'sdc down']);
  expect(reports).toContain('path sdc is down: no node may be opened');
  const stand = paths.paths()[1]?.transport;
  expect(await stand?.identify(0)).toBe('unknown');
  hooks.open = open;
  await refreshed(paths);
  expect(states()).toEqual(['sdb up', 'sdc up']);
});

it('closes what is gone, and opens what bears the same name later anew', async () => {
  const { host, devices, paths, states, transport, reports } = setUp();
  await refreshed(paths);
  const old = transport('sdc');
  host.leave('dm-0', 'sdc');
  host.removeDisk('sdc', '8:32', devices.sdc);
  await refreshed(paths);
  expect(states()).toEqual(['sdb up']);
  expect(old?.closed).toBe(true);
  expect(reports.at(-1)).toBe('path sdc is gone');

  const disk = { number: '8:32', address: '3:0:0:0', generic: 'sg2', diskseq: 13 };
  host.disk('sdc', { ...disk, parent: 'devices/platform/host3/session2' });
  host.join('dm-0', 'sdc');
  await refreshed(paths);
  expect(states()).toEqual(['sdb up', 'sdc up']);
  expect(transport('sdc')).not.toBe(old);
  // The session is the same, and so is the nexus.
  expect(paths.paths()[1]?.id).toBe(sessionNexus(2));
});

it('opens anew what was replaced between two looks', async () => {
  const { host, devices, paths, transport } = setUp();
  await refreshed(paths);
  const old = transport('sdc');
  host.file(`${devices.sdc}/block/sdc/diskseq`, '13');
  await refreshed(paths);
  expect(old?.closed).toBe(true);
  expect(paths.paths()[1]?.transport).toBe(transport('sdc'));
  expect(transport('sdc')?.closed).toBe(false);
});

it("orders by multipathd's groups, and believes its checkers", async () => {
  const { paths, states, multipathd, transport } = setUp();
  await refreshed(paths);
  multipathd.checkers = { sdc: 'ready', sdb: 'ghost' };
  await paths.refreshPlaces();
  expect(paths.paths().map(({ name, group }) => [name, group])).toEqual([
    ['sdc', 1],
    ['sdb', 2],
  ]);
  expect(states()).toEqual(['sdc up', 'sdb ghost']);
  multipathd.checkers = { sdc: 'faulty', sdb: 'ready' };
  await paths.refreshPlaces();
  expect(states()).toEqual(['sdc down', 'sdb up']);
  multipathd.checkers = { sdc: 'ready', sdb: 'ready' };
  await paths.refreshPlaces();
  await paths.proven();
  expect(states()).toEqual(['sdc up', 'sdb up']);
  expect(transport('sdc')?.asked).toBe(2);
});

it('closes everything, also what is only being opened, and looks no more', async () => {
  const { paths, opened, hooks } = setUp();
  const late = new Deferred<FakeTransport>();
  hooks.open = (node) =>
    node.name === 'sdc' ? late.promise : Promise.resolve(new FakeTransport('sdb'));
  paths.refresh();
  await paths.close();
  late.resolve(new FakeTransport('sdc'));
  await paths.proven();
  expect(opened.map(({ name, closed }) => [name, closed])).toEqual([
    ['sdb', true],
    ['sdc', true],
  ]);
  paths.refresh();
  expect(paths.paths()).toEqual([]);
  expect(opened).toHaveLength(2);
});

it('says so when multipathd has started', async () => {
  const { paths, multipathd, changes } = setUp();
  multipathd.answers = 'absent';
  await paths.refreshPlaces();
  await paths.proven();
  await paths.refreshPlaces();
  const before = changes();
  // It tells of no map of ours, so that the paths stay the same.
  multipathd.answers = 'nothing';
  await paths.refreshPlaces();
  expect(changes()).toBe(before + 1);
  await paths.refreshPlaces();
  expect(changes()).toBe(before + 1);
});
