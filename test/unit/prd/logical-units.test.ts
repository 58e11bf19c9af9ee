import { beforeEach, describe, expect, it } from 'vitest';
import type { LogicalUnits, UnitHold } from '../../../src/prd/logical-units.js';
import { Gate } from '../emulated/support/gate.js';
import { disk } from './support/fake-fds.js';
import { FakeHost } from './support/host.js';

let host: FakeHost;
let units: LogicalUnits;

beforeEach(() => {
  host = new FakeHost();
  units = host.units();
});

async function hold(): Promise<UnitHold> {
  const opened = await units.open(disk);
  if ('refusal' in opened) throw new Error(opened.refusal);
  return opened;
}

const isOpen = () => host.reservations !== undefined;

describe('LogicalUnits', () => {
  it('shares one that is being opened', async () => {
    const opened = new Gate<void>();
    host.beforeOpen = () => opened.passed;
    const both = Promise.all([hold(), hold()]);
    opened.open();
    const [a, b] = await both;
    expect(a.unit).toBe(b.unit);
    expect(host.opens).toBe(1);
    a.release();
    expect(isOpen()).toBe(true);
    b.release();
    await expect.poll(isOpen).toBe(false);
  });

  it('opens one again only after it is closed', async () => {
    const closed = new Gate<void>();
    host.beforeClose = () => closed.passed;
    (await hold()).release();
    await closed.reached;
    const again = hold();
    await new Promise(setImmediate);
    expect(host.opens).toBe(1);
    closed.open();
    await again;
    expect(host.opens).toBe(2);
  });

  it('keeps one open without users as long as the host is registered', async () => {
    host.isRegistered = true;
    (await hold()).release();
    expect(isOpen()).toBe(true);
    host.isRegistered = false;
    host.observer?.onChange();
    await expect.poll(isOpen).toBe(false);
  });

  it('opens by itself those on which the host is registered', async () => {
    host.isRegistered = true;
    await units.openRegistered();
    await expect.poll(isOpen).toBe(true);
    await hold();
    expect(host.opens).toBe(1);
  });

  it('tries again what could not be opened', async () => {
    host.beforeOpen = () => Promise.reject(new Error('no path'));
    expect(await units.open(disk)).toEqual({ refusal: 'no path', lasting: false });
    host.beforeOpen = () => Promise.resolve();
    await hold();
  });

  it('refuses another way to one that is in use, for that is another registrant', async () => {
    await hold();
    const { wwid, map } = host;
    const open = () => Promise.reject(new Error('opened'));
    host.others.set('8:32', { wwid, map, name: 'sdc', open });
    expect(await units.open({ ...disk, number: '8:32' })).toEqual({
      refusal: `sdc is the same logical unit as ${host.name}, which is in use`,
      lasting: false,
    });
  });

  it('closes all, whoever uses them', async () => {
    await hold();
    await units.close();
    expect(isOpen()).toBe(false);
  });
});
