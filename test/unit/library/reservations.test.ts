/** What other programs import, on paths of their own. */
import { describe, expect, it } from 'vitest';
import { Reservations } from '../../../src/library/reservations.js';
import { register, reserve } from '../emulated/support/commands.js';
import { guest, World } from '../fan-out/support/world.js';

const type = 'exclusive-access-registrants-only';

interface Program {
  world: World;
  disk: Reservations;
}

async function onTwoPaths(): Promise<Program> {
  const world = await World.open();
  const disk = new Reservations({
    execute: (command) => world.until(world.device.execute(guest, command)),
    close: () => {
      world.device.close();
      return Promise.resolve();
    },
  });
  return { world, disk };
}

describe('Reservations', () => {
  it('registers, reserves, reads and releases on all paths', async () => {
    const { world, disk } = await onTwoPaths();
    expect(await disk.register(0n, 0xa1n)).toEqual({ status: 'good' });
    expect(world.array.text).toBe('a 0xa1 b 0xa1');
    expect(await disk.reserve(0xa1n, type)).toEqual({ status: 'good' });
    expect(await disk.readKeys()).toMatchObject({ data: { keys: [0xa1n] } });
    expect(await disk.readReservation()).toMatchObject({
      data: { reservation: { key: 0xa1n, type } },
    });
    expect(await disk.readFullStatus()).toMatchObject({
      data: { registrations: [{ key: 0xa1n, nexus: { id: guest.id }, reservation: { type } }] },
    });
    expect(await disk.reportCapabilities()).toMatchObject({
      data: { capabilities: { specIPt: false } },
    });
    expect(await disk.release(0xa1n, type)).toEqual({ status: 'good' });
    expect(await disk.register(0xa1n, 0n)).toEqual({ status: 'good' });
    expect(world.array.text).toBe('');
    await disk.close();
  });

  it('takes over from another host, with its type', async () => {
    const { world, disk } = await onTwoPaths();
    expect(world.other(register(0n, 0xb1n))).toBe('good');
    expect(world.other(reserve(0xb1n, type))).toBe('good');
    expect(await disk.registerAndIgnore(0xa1n)).toEqual({ status: 'good' });
    expect(await disk.reserve(0xa1n, type)).toEqual({ status: 'reservation-conflict' });
    expect(await disk.preempt(0xa1n, 0xb1n, type, { abort: true })).toEqual({ status: 'good' });
    expect(world.array.text).toMatch(/^(a 0xa1\* b 0xa1|a 0xa1 b 0xa1\*)$/);
    expect(await disk.clear(0xa1n)).toEqual({ status: 'good' });
    expect(world.array.text).toBe('');
    await disk.close();
  });

  it("gives the device's sense data with a refusal", async () => {
    const { disk } = await onTwoPaths();
    await disk.register(0n, 0xa1n);
    expect(await disk.reserve(0xa1n, 'write-exclusive')).toEqual({
      status: 'check-condition',
      sense: { senseKey: 5, asc: 0x24, ascq: 0 },
    });
    await disk.close();
  });
});
