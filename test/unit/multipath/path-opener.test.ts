import { expect, it } from 'vitest';
import { pathOpener } from '../../../src/multipath/path-opener.js';
import type { PathTransport } from '../../../src/pr/transport.js';
import type {
  OpenedTransport,
  OpenTransportOptions,
  TransportKind,
} from '../../../src/transports/open-transport.js';
import type { PathNode } from '../../../src/transports/path-node.js';

const addon = {
  createLane: () => {
    throw new Error('not used');
  },
  connectForFds: () => Promise.reject(new Error('not used')),
};

function node(name: string): PathNode {
  const address = '0:0:0:0';
  const blockNode = `/dev/${name}`;
  return { kind: 'scsi', name, address, blockNode, sgNode: undefined, driver: '', wwid: 'naa.6' };
}

/** Opens by the first of the kinds that a node lets through; remembers what is open. */
function opening(ways: Record<string, TransportKind[]>) {
  const open = new Set<string>();
  const openTransport = (
    _: unknown,
    { name }: PathNode,
    { kind }: OpenTransportOptions,
  ): Promise<OpenedTransport> => {
    const chosen = (ways[name] ?? []).find((way) => kind === undefined || way === kind);
    if (chosen === undefined) {
      const tried = [{ kind: kind ?? 'sg', reason: `${name} is closed` } as const];
      return Promise.resolve({ transport: undefined, report: { chosen, tried } });
    }
    const label = `${name} by ${chosen}`;
    open.add(label);
    const close = () => {
      open.delete(label);
      return Promise.resolve();
    };
    const transport = { name: label, close } as PathTransport;
    return Promise.resolve({ transport, report: { chosen, tried: [] } });
  };
  return { open, openTransport };
}

it('opens all paths by what is best for the first', async () => {
  const { open, openTransport } = opening({ sda: ['sd', 'linux-pr'], sdb: ['sg', 'sd'] });
  const openPath = pathOpener(addon, {}, openTransport);
  expect((await openPath(node('sda'))).name).toBe('sda by sd');
  expect((await openPath(node('sdb'))).name).toBe('sdb by sd');
  expect([...open]).toEqual(['sda by sd', 'sdb by sd']);
});

it('opens them by one kind also when they are opened at once', async () => {
  const { open, openTransport } = opening({ sda: ['sg', 'sd'], sdb: ['sd'], sdc: ['sg'] });
  const openPath = pathOpener(addon, {}, openTransport);
  const [sda, sdb, sdc] = await Promise.allSettled(
    ['sda', 'sdb', 'sdc'].map(async (name) => openPath(node(name))),
  );
  expect(sda).toMatchObject({ value: { name: 'sda by sg' } });
  expect(sdb).toMatchObject({ reason: { message: 'sg: sdb is closed' } });
  expect(sdc).toMatchObject({ value: { name: 'sdc by sg' } });
  expect([...open]).toEqual(['sda by sg', 'sdc by sg']);
});

it('takes the kind that was asked for, or none', async () => {
  const { openTransport } = opening({ sda: ['sg', 'linux-pr'], sdb: ['sg'] });
  const openPath = pathOpener(addon, { kind: 'linux-pr' }, openTransport);
  expect((await openPath(node('sda'))).name).toBe('sda by linux-pr');
  await expect(openPath(node('sdb'))).rejects.toThrow('linux-pr: sdb is closed');
});

it('does not settle for less while the best way fails for no lack of permission', async () => {
  const open = new Set<string>();
  const close = () => {
    open.clear();
    return Promise.resolve();
  };
  const openTransport = (improvement: string | undefined) => (): Promise<OpenedTransport> => {
    open.add('linux-pr');
    const sg = { kind: 'sg', reason: 'ENXIO', ...(improvement && { improvement }) } as const;
    const tried = [sg, { kind: 'linux-pr', reason: 'it passes' } as const];
    const transport = { name: 'x', close } as PathTransport;
    return Promise.resolve({ transport, report: { chosen: 'linux-pr', tried } });
  };
  const openPath = pathOpener(addon, {}, openTransport(undefined));
  await expect(openPath(node('sda'))).rejects.toThrow('sg: ENXIO');
  expect([...open]).toEqual([]);
  expect((await pathOpener(addon, {}, openTransport('join the group'))(node('sda'))).name).toBe(
    'x',
  );
});

it('lets a path that can not be opened decide nothing', async () => {
  const { openTransport } = opening({ sdb: ['sg'] });
  const openPath = pathOpener(addon, {}, openTransport);
  await expect(openPath(node('sda'))).rejects.toThrow('sg: sda is closed');
  expect((await openPath(node('sdb'))).name).toBe('sdb by sg');
});
