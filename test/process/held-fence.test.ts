/** A fence that holds a guest's requests, as JavaScript works it. */
import { constants, openSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { type FencePosition, loadAddon, type NativeFence } from '../../src/native/addon.js';
import { within } from '../support/deadline.js';
import { Initiator } from '../support/initiator.js';
import { read10, write10 } from '../support/persistent-reservations.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';

const patience = 20_000;
const good = 0;
const conflict = 0x18;
const open: FencePosition = { reads: true, writes: true, attentionPending: false };

/** A disk of 1 MiB for one guest, in this process; everything but data is answered with GOOD. */
async function servedDisk(): Promise<{ fence: NativeFence; guest: Initiator }> {
  const addon = loadAddon();
  const image = scratchImage(2 ** 20);
  const disk = addon.openDisk({
    fd: openSync(image, constants.O_RDWR),
    path: image,
    readOnly: false,
    serial: '',
    blockSize: 512,
    engine: 'auto',
  });
  const fence = addon.createFence({ onConflict: () => undefined });
  const socketPath = scratchSocket();
  const attachment = addon.attachScsi({
    socketPath,
    socketMode: 0o600,
    pollMicroseconds: 0,
    admitted: true,
    migratable: true,
    onEvent: () => undefined,
    numQueues: 1,
    configSpace: false,
    mailbox: {
      onMessages: (messages) => {
        for (const { token } of messages) {
          const nothing = new Uint8Array(0);
          attachment.complete(token, { status: good, sense: nothing, dataIn: nothing });
        }
      },
      commandTimeoutMs: patience,
    },
    logicalUnits: [
      {
        target: 0,
        lun: 0,
        disk,
        fence,
        limits: {
          writeSameBlocks: 1,
          unmapBlocks: 0,
          unmapDescriptors: 0,
          compareAndWriteBlocks: 0,
        },
      },
    ],
  });
  onTestFinished(async () => {
    await attachment.stop();
    disk.close();
  });
  return { fence, guest: await Initiator.connect(socketPath) };
}

/** Sends a write; resolves with its status. */
async function statusOfWrite(guest: Initiator, byte: number): Promise<number> {
  return (await guest.execute(write10(0, 1, byte))).status;
}

it('what it holds waits, is not drained for, and meets the next position', async () => {
  const { fence, guest } = await servedDisk();
  fence.set({ ...open, held: true });
  const held = statusOfWrite(guest, 0x11);
  // In the same queue behind it, and answered: the write has begun.
  expect((await guest.execute({ cdb: '000000000000' })).status).toBe(good);
  await within(patience, 'the drain', fence.drained());
  let ended = false;
  void held.then(() => (ended = true));
  fence.set({ ...open, held: true, epoch: 2 ** 32 - 1, judgesConflicts: true });
  expect((await guest.execute({ cdb: '000000000000' })).status).toBe(good);
  expect(ended).toBe(false);
  fence.set(open);
  expect(await within(patience, 'the write', held)).toBe(good);
  expect((await guest.execute(read10(0, 1))).dataIn).toEqual(Buffer.alloc(512, 0x11));

  fence.set({ ...open, held: true });
  const refused = statusOfWrite(guest, 0x22);
  expect((await guest.execute({ cdb: '000000000000' })).status).toBe(good);
  fence.set({ ...open, writes: false });
  expect(await within(patience, 'the write', refused)).toBe(conflict);
  expect((await guest.execute(read10(0, 1))).dataIn).toEqual(Buffer.alloc(512, 0x11));
});
