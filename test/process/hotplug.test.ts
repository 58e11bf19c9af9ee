/** Disks that come and go while a guest runs. */
import { truncateSync } from 'node:fs';
import { expect, it } from 'vitest';
import { controlOf } from '../support/control.js';
import { Initiator, senseText, virtioLun } from '../support/initiator.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const testUnitReady = { cdb: '00 00 00 00 00 00' };
const reportLuns = { cdb: 'a0 00 00 000000 00001000 00 00', dataIn: 4096 };
const readCapacity = { cdb: '25 00 00000000 0000 00 00', dataIn: 8 };

async function serving(...more: string[]) {
  const [image, socketPath, control] = [scratchImage(MiB), scratchSocket(), scratchSocket()];
  const args = ['--socket-path', socketPath, '--control-socket', control, '--blk-file', image];
  await ServeProcess.serving({ args: [...args, ...more] });
  return { image, socketPath, control: await controlOf(control) };
}

async function lunsSeenBy(initiator: Initiator): Promise<number[]> {
  const { dataIn } = await initiator.execute(reportLuns);
  const count = dataIn.readUInt32BE(0) / 8;
  return Array.from({ length: count }, (_, index) => dataIn.readUInt16BE(8 + 8 * index));
}

it('a disk is attached to a running guest, used and detached', async () => {
  const { socketPath, control } = await serving('--device', 'scsi');
  const initiator = await Initiator.connect(socketPath);
  await initiator.execute(testUnitReady);
  expect(await lunsSeenBy(initiator)).toEqual([0]);

  const added = scratchImage(2 * MiB);
  expect(await control.request('disk.attach', { blkFile: added })).toEqual({ lun: 1 });
  expect(senseText(await initiator.execute(testUnitReady))).toBe('6/3f/e');
  expect(await lunsSeenBy(initiator)).toEqual([0, 1]);
  const lun = virtioLun(1);
  expect(senseText(await initiator.execute({ ...testUnitReady, lun }))).toBe('6/29/0');
  const capacity = await initiator.execute({ ...readCapacity, lun });
  expect(capacity.dataIn.readUInt32BE(0)).toBe((2 * MiB) / 512 - 1);

  await control.request('disk.detach', { disk: added });
  expect(senseText(await initiator.execute({ ...testUnitReady, lun }))).toBe('5/25/0');
  expect(senseText(await initiator.execute(testUnitReady))).toBe('6/3f/e');
  // Its lock is free: another server may have it.
  await ServeProcess.serving({ args: ['--socket-path', scratchSocket(), '--blk-file', added] });
});

it('a disk that grew is told of', async () => {
  const { image, socketPath, control } = await serving('--device', 'scsi');
  const initiator = await Initiator.connect(socketPath);
  await initiator.execute(testUnitReady);
  truncateSync(image, 3 * MiB);
  expect(await control.request('disk.resize', {})).toEqual({ sizeBytes: 3 * MiB });
  expect(senseText(await initiator.execute(testUnitReady))).toBe('6/2a/9');
  const { dataIn } = await initiator.execute(readCapacity);
  expect(dataIn.readUInt32BE(0)).toBe((3 * MiB) / 512 - 1);
});

it.each([
  ['an image that is missing', { blkFile: '/nonexistent' }, '/nonexistent does not exist'],
  ['a designator that is none', { blkFile: '/x', designator: 'naa.1' }, 'designator: must be naa.'],
  ['no image', {}, 'blkFile'],
])('refuses %s', async (_, params, words) => {
  const { control } = await serving('--device', 'scsi');
  await expect(control.request('disk.attach', params)).rejects.toThrow(words);
});

it('leaves the one disk of a blk device alone', async () => {
  const { image, control } = await serving('--device', 'blk');
  const another = { blkFile: scratchImage(MiB) };
  await expect(control.request('disk.attach', another)).rejects.toThrow('one disk');
  await expect(control.request('disk.detach', { disk: image })).rejects.toThrow('keeps its disk');
});
