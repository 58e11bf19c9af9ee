/** Reservations in-band on vhost-user-blk: VIRTIO_BLK_T_SCSI_CMD, through the whole of a server. */
import { expect, it, onTestFinished } from 'vitest';
import { Initiator, type ScsiResult, senseText } from '../support/initiator.js';
import { interruptedLoad, load } from '../support/loadgen.js';
import {
  keysIn,
  persistentReserveOut,
  readKeys,
  writeExclusiveRegistrantsOnly as type,
} from '../support/persistent-reservations.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const good = { response: 0, status: 0 };
const conflict = { response: 0, status: 0x18 };

/** A disk with a blk guest and a scsi guest. */
async function mixed(...more: string[]) {
  const [blk, scsi] = [scratchSocket(), scratchSocket()];
  const guests = [
    '--socket-path',
    blk,
    '--device',
    'blk',
    '--socket-path',
    scsi,
    '--device',
    'scsi',
  ];
  const args = [...guests, '--blk-file', scratchImage(2 ** 20), ...more];
  await ServeProcess.serving({ args });
  return { blk, scsi };
}

const attachedBlk = (socketPath: string) => Initiator.attached(socketPath, onTestFinished, 'blk');

it('a blk guest and a scsi guest reserve one disk', async () => {
  const sockets = await mixed('--scsi-passthrough');
  const one = await attachedBlk(sockets.blk);
  const two = await Initiator.attached(sockets.scsi);
  const out = (initiator: Initiator, ...of: Parameters<typeof persistentReserveOut>) =>
    initiator.execute(persistentReserveOut(...of));

  expect(await out(one, { action: 'register', newKey: 1n })).toMatchObject(good);
  expect(await out(two, { action: 'register', newKey: 2n })).toMatchObject(good);
  expect(await out(one, { action: 'reserve', key: 1n, type })).toMatchObject(good);
  expect(keysIn((await one.execute(readKeys())).dataIn)).toEqual([1n, 2n]);

  expect(await out(two, { action: 'preempt', key: 2n, newKey: 1n, type })).toMatchObject(good);
  expect(senseText(await one.execute(readKeys()))).toBe('6/2a/5');
  expect(await out(one, { action: 'reserve', key: 1n, type })).toMatchObject(conflict);
  expect(keysIn((await one.execute(readKeys())).dataIn)).toEqual([2n]);

  await one.leave();
  const { stderr } = await interruptedLoad(sockets.blk, '--seconds', '0.1', '--read', '0');
  expect(stderr).toMatch(/[1-9][0-9]* requests failed/);
  expect((await load(sockets.blk, '--seconds', '0.1', '--read', '100')).errors).toBe(0);
});

it('what moves data has requests of its own', async () => {
  const { blk } = await mixed('--scsi-passthrough');
  const one = await attachedBlk(blk);
  const read: ScsiResult = await one.execute({ cdb: '28 00 00000000 00 0001 00', dataIn: 512 });
  expect(read).toMatchObject({ response: 0, status: 2 });
  expect(senseText(read)).toBe('5/20/0');
  const inquiry = await one.execute({ cdb: '12 00 00 0024 00', dataIn: 0x24 });
  expect(inquiry.dataIn.toString('latin1', 8, 16)).toBe('HOLDFAST');
  const short = await one.execute({ cdb: '12 00 00 0008 00', dataIn: 0x24 });
  expect(short).toMatchObject({ status: 0, residual: 0x24 - 8 });
});

it('is not offered unless asked for', async () => {
  const { blk } = await mixed();
  await expect(attachedBlk(blk)).rejects.toThrow('no VIRTIO_BLK_F_SCSI');
});
